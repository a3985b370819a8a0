import { createWatches } from '../http/jobs/stream/watch.ts'
import type { RenderMetrics } from '../http/monitoring/metrics.ts'
import type { HttpRoute } from '../http/route.ts'
import { createRoutes } from '../http/routes.ts'
import { checkReadiness } from '../lifecycle/readiness.ts'
import { createPages } from '../operate/pages.ts'
import { createList } from '../storage/list.ts'
import { createPresignGet } from '../storage/presign.ts'
import { createReadSmall } from '../storage/small.ts'
import { systemClock } from '../vocabulary/clock.ts'
import { readIdentityMetadata } from '../vocabulary/identity.ts'
import { tokens, type Graph, type Opened } from './tokens.ts'
import { createUploads } from './uploads.ts'

export type Endpoint = {
  createRoutes(metrics: RenderMetrics | null): readonly HttpRoute[]
  /** Ends the responses that do not end by themselves. */
  endStreams(): void
}

/** Creates what the HTTP endpoint serves. */
export function createEndpoint(graph: Graph<Opened>): Endpoint {
  const { use, config } = graph
  const { bucket, state, http } = config
  const client = use(tokens.S3)
  const storage = use(tokens.Storage)
  const documents = use(tokens.Documents)
  const streams = use(tokens.Streams)
  const list = createList({ client, bucket })
  const pages = createPages({ list, documents, index: use(tokens.JobIndex), statePrefix: state.prefix })
  return {
    endStreams: streams.close,
    createRoutes: (metrics) =>
      createRoutes({
        config,
        ...createUploads(graph),
        presignGet: createPresignGet({ client, bucket, urlSeconds: http.urlSeconds }),
        readJob: async (id) => (await documents.read(id))?.document ?? null,
        async findSource(key) {
          const found = await storage.head(key)
          return found && { sizeBytes: found.sizeBytes, identity: readIdentityMetadata(found.metadata) }
        },
        listPage: pages.read,
        readSmall: createReadSmall({ client, bucket }),
        watches: createWatches({
          read: (id, known, signal) =>
            known === null ? documents.read(id, signal) : documents.readIfChanged(id, known, signal),
          clock: systemClock,
        }),
        streams,
        isReady: () =>
          checkReadiness({
            storage,
            queues: use(tokens.Queues),
            pollers: [use(tokens.WorkPoller), use(tokens.SweepPoller)],
            statePrefix: state.prefix,
          }),
        metrics,
      }),
  }
}
