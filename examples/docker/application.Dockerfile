# syntax=docker/dockerfile:1
# Image of an application folder: package.json, package-lock.json, media.config.ts, and plugins of your own. In the folder:
#   npm install --save-exact ../mediad/mediad-0.1.0.tgz && cp ../mediad/mediad-0.1.0.tgz . (see docs/on-premises.md)
#   docker build --file ../mediad/examples/docker/application.Dockerfile --tag my-media .
#   docker run --env-file .env --stop-timeout 60 --cap-drop ALL --security-opt no-new-privileges my-media
# For requests from outside the container, add --env MEDIAD_HTTP_HOST=0.0.0.0 --publish 127.0.0.1:3000:3000, and set http.authorize
# in the config. With --env MEDIAD_HTTP_AUTHORIZE=none instead, everyone who reaches the published address can use the endpoint.

FROM node:24.21.0-trixie-slim AS packages
WORKDIR /srv/mediad
# The lockfile has the checksum of every package. Tarballs in the folder are those that package.json names by file.
COPY package.json package-lock.json *.tgz ./
# If a package of yours compiles native code, its install script must run: remove --ignore-scripts.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY . .
RUN rm -f ./*.tgz

FROM node:24.21.0-trixie-slim
# trixie has ffmpeg 7.1, a tested version. util-linux has setpriv, which ends ffmpeg when the daemon dies.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates ffmpeg util-linux \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/mediad
COPY --from=packages /srv/mediad ./
# Folder for workspaces. modules/ecs mounts the task's disk here, which inherits the owner.
RUN install --directory --owner node --group node --mode 0700 /var/lib/mediad
VOLUME /var/lib/mediad
USER node
ENV NODE_ENV=production TMPDIR=/var/lib/mediad
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.MEDIAD_HTTP_PORT || 3000}/health`).then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "node_modules/mediad/dist/daemon/main.js"]
CMD ["start"]
