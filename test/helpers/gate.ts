import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from './folder.ts'

/**
 * A file that jobs of a test wait for, in any daemon. The test creates it after its checks, so the job lasts exactly as long
 * as the test needs. A pause would have to be guessed, and would fail on slow machines.
 */
export type Gate = {
  /** Environment for the daemons: tells the plugins below the path of the file. */
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
 * The plugin `gate({ claims })`: waits until the gate is open. It reports progress, so that there is a heartbeat every two
 * seconds. Claims with a number above `claims` (default: none) do not wait.
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

/** Number of times the video is copied by an attempt that should not finish by itself. */
export const LOOPS = 60

/**
 * The plugin `slowCopy()`: copies the video with ffmpeg in real time, which takes almost no CPU time. An attempt that starts
 * before the gate is open copies it {@link LOOPS} times, so that ffmpeg runs until something stops it; any other attempt
 * copies it once.
 */
export const slowCopyCode = `
import { existsSync } from 'node:fs'
const slowCopy = definePlugin('slow-copy', z.object({}), () => ({
  keys: ['slow_{name}.mp4'],
  async run({ workspace, probe, ffmpeg, add, progress }) {
    const path = join(workspace, 'slow.mp4')
    const times = existsSync(process.env.MEDIAD_TEST_GATE) ? 1 : ${LOOPS}
    const inputOptions = ['-re', '-stream_loop', String(times - 1)]
    const durationSeconds = probe.durationSeconds * times
    await ffmpeg({ inputOptions, outputs: [{ path, options: ['-c', 'copy'] }], durationSeconds, onProgress: progress })
    await add(path, 'video', { key: 'slow_{name}.mp4', contentType: 'video/mp4' })
  },
}))
`
