/** Type tests of `definePlugin`. The compiler checks this file; it never runs. */
import { definePlugin, z, type Plugin, type RunContext } from '../../daemon/index.ts'

const optional = z.object({ crf: z.int().default(23), codec: z.enum(['h264', 'hevc']).default('h264') })
const required = z.object({ text: z.string(), times: z.int().optional() })

export const encode = definePlugin('encode', optional, (options) => {
  // an option that is left out has its default here
  const crf: number = options.crf
  const codec: 'h264' | 'hevc' = options.codec
  // @ts-expect-error: there is no such option
  options.preset satisfies unknown
  return { keys: [`${codec}_{name}.mp4`], encoders: ['libx264'], run: () => void crf }
})

export const write = definePlugin('write', required, ({ text, times }) => ({
  async setup({ log }) {
    log.child({ plugin: 'write' }).info({ text }, 'ready')
  },
  async run({ job, source, input, probe, workspace, add, progress, signal, ffmpeg, storage, artifacts }: RunContext) {
    const seconds: number | null = probe.durationSeconds
    signal.throwIfAborted()
    await ffmpeg({
      input,
      outputs: [{ path: `${workspace}/a.mp4`, options: ['-c', 'copy'] }],
      durationSeconds: seconds,
    })
    const artifact = await add(`${workspace}/a.mp4`, 'video', {
      key: '{id}_{n}.mp4',
      contentType: 'video/mp4',
      values: { n: times ?? 1 },
    })
    progress(1)
    await storage.upload(artifact, { overwrite: 'always' })
    // @ts-expect-error: the list of artifacts is read-only
    artifacts.push(artifact)
    // @ts-expect-error: the source is read-only
    source.key = job.id
  },
  teardown() {},
}))

export const plugins: readonly Plugin[] = [
  encode(),
  encode({}),
  encode({ crf: 20 }),
  write({ text: 'a' }),
  write({ text: 'a', times: 2 }),
]

// @ts-expect-error: the options are required when one of them is
export const withoutOptions = write()
// @ts-expect-error: a required option is missing
export const withoutText = write({ times: 2 })
// @ts-expect-error: an option is misspelled
export const misspelled = encode({ cfr: 20 })
// @ts-expect-error: the value is not allowed
export const wrongValue = encode({ codec: 'mjpeg' })
// @ts-expect-error: `run` is missing
export const idle = definePlugin('idle', optional, () => ({ keys: ['a'] }))
// @ts-expect-error: the schema is not an object
export const bare = definePlugin('bare', z.string(), () => ({ run() {} }))
// @ts-expect-error: a key template is not text
export const wrongKeys = definePlugin('keys', optional, () => ({ keys: [1], run() {} }))
export const wrongUpload = definePlugin('upload', optional, () => ({
  async run({ storage, artifacts }) {
    for (const artifact of artifacts) {
      // @ts-expect-error: the value is not allowed
      await storage.upload(artifact, { overwrite: 'never' })
    }
  },
}))
