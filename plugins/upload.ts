import { definePlugin, z } from 'mediad'

const options = z.object({
  /** `own` (default): replace only what an earlier attempt of the same job wrote. `always`: whatever is there. */
  overwrite: z.enum(['own', 'always']).default('own'),
})

/** Puts every artifact that the plugins before it made into the bucket, in their order. */
export const upload = definePlugin('upload', options, ({ overwrite }) => ({
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
