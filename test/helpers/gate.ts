import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from './folder.ts'

/**
 * What jobs of a test wait for, in whichever daemon: a file that is there once the test has seen what it wanted to see.
 * A pause in its place would have to be guessed, and a slow machine would make another story of it.
 */
export type Gate = {
  /** For the daemons: where the plugins below find the file. */
  readonly env: Readonly<Record<string, string>>
  open(): Promise<void>
} & AsyncDisposable

export async function createGate(): Promise<Gate> {
  const folder = await temporaryFolder()
  const file = join(folder.path, 'open')
  return {
    env: { MEDIAD_TEST_GATE: file },
    open: () => writeFile(file, ''),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

/**
 * The plugin `gate({ claims })`, which waits until the gate is open. Its progress moves, so that there is a heartbeat every
 * two seconds. Claims beyond `claims` (default: none) do not wait.
 */
export const gateCode = `
import { existsSync } from 'node:fs'
const gate = definePlugin('gate', z.object({ claims: z.number().optional() }), ({ claims = Infinity }) => ({
  async run({ job, signal, progress }) {
    if (job.claim > claims) return
    for (let n = 1; !existsSync(process.env.MEDIAD_TEST_GATE); n++) {
      await sleep(100, undefined, { signal })
      progress((n % 100) / 100)
    }
  },
}))
`

/** How often the film runs in an attempt that is not to come to its end. */
export const REELS = 60

/**
 * A plugin that keeps ffmpeg busy, and the machine not at all: it copies the film in real time, once. An attempt that
 * begins before the gate is open gets it {@link REELS} times: it is there until something ends it.
 */
export const reelCode = `
import { existsSync } from 'node:fs'
const reel = definePlugin('reel', z.object({}), () => ({
  keys: ['reel_{name}.mp4'],
  async run({ workspace, probe, ffmpeg, add, progress }) {
    const path = join(workspace, 'reel.mp4')
    const times = existsSync(process.env.MEDIAD_TEST_GATE) ? 1 : ${REELS}
    const inputOptions = ['-re', '-stream_loop', String(times - 1)]
    const durationSeconds = probe.durationSeconds * times
    await ffmpeg({ inputOptions, outputs: [{ path, options: ['-c', 'copy'] }], durationSeconds, onProgress: progress })
    await add(path, 'video', { key: 'reel_{name}.mp4', contentType: 'video/mp4' })
  },
}))
`
