import { definePlugin, z } from 'mediad'

/** The only place of defaults, limits and descriptions; `npm run docs` writes the table of docs/plugins.md from it. */
export const uploadOptions = z.object({
  /** `own` replaces only what an attempt of the same job wrote, `always` replaces any object. */
  overwrite: z
    .enum(['own', 'always'])
    .default('own')
    .describe(
      '`own` replaces only what an attempt of the same job wrote; any other object under the key is `output.exists`. ' +
        '`always` replaces any object.',
    ),
})

/** Uploads the artifacts of the plugins before it to the bucket, in their order. */
export const upload = definePlugin('upload', uploadOptions, ({ overwrite }) => ({
  publishes: true,
  weight: 2,
  async run({ artifacts, storage, progress }) {
    const totalBytes = artifacts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    let sentBytes = 0
    for (const artifact of artifacts) {
      const onProgress = (fraction: number) => progress((sentBytes + fraction * artifact.sizeBytes) / totalBytes)
      await storage.upload(artifact, { overwrite, onProgress })
      sentBytes += artifact.sizeBytes
    }
  },
}))
