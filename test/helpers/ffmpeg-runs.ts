import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { MediadError } from '../../daemon/vocabulary/errors.ts'
import { createFfmpeg } from '../../daemon/ffmpeg/ffmpeg.ts'
import type { FfmpegCommand, FfmpegResult } from '../../daemon/vocabulary/ffmpeg.ts'
import { openPrograms, type Programs } from '../../daemon/programs/programs.ts'
import { createTestLog } from './context.ts'
import { temporaryFolder } from './folder.ts'
import { makeVideo } from './media.ts'
import { limits } from './probes.ts'
import type { Suite } from './suite.ts'

/** A folder with a long video, and runs of ffmpeg on it. */
export type Setup = {
  folder: string
  programs: Programs
  source: string
  output: string
  run(
    command?: Partial<FfmpegCommand>,
    options?: { signal?: AbortSignal; stallSeconds?: number },
  ): Promise<FfmpegResult>
  failure(
    command?: Partial<FfmpegCommand>,
    options?: { signal?: AbortSignal; stallSeconds?: number },
  ): Promise<MediadError>
}

let video: Promise<Buffer> | undefined

/** Returns a video of two minutes in a few kilobytes, created once. In real time, it does not end during a test. */
function longVideo(): Promise<Buffer> {
  return (video ??= makeLongVideo())
}

async function makeLongVideo(): Promise<Buffer> {
  await using temporary = await temporaryFolder()
  const path = join(temporary.path, 'video.mp4')
  await makeVideo(path, { seconds: 120, width: 64, height: 64, fps: 5 })
  return await readFile(path)
}

export type WithSetup = (body: (setup: Setup) => Promise<void>, fake?: string) => Promise<void>

/**
 * Returns a function that calls `body` with a folder of its own. `fake` is the body of a script to run instead of ffmpeg;
 * `$last` in it is the output. The programs of this machine are opened once, because that starts them several times.
 */
export function setUpRuns(suite: Suite): WithSetup {
  let programs: Programs
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  suite.before(async () => {
    folder = await temporaryFolder()
    programs = await openPrograms({ ffmpegPath: 'ffmpeg', ffprobePath: 'ffprobe', directory: folder.path })
  })
  suite.after(async () => folder[Symbol.asyncDispose]())
  return (body, fake) => runSetup(body, { programs, fake })
}

async function runSetup(
  body: (setup: Setup) => Promise<void>,
  { programs: real, fake }: { programs: Programs; fake: string | undefined },
): Promise<void> {
  await using temporary = await temporaryFolder()
  const folder = temporary.path
  const programs = fake === undefined ? real : await openFake(folder, fake)
  const source = join(folder, 'source')
  const output = join(folder, 'out.mp4')
  await writeFile(source, fake === undefined ? await longVideo() : 'source')
  const run: Setup['run'] = (command = {}, options = {}) =>
    createFfmpeg({ programs, stallSeconds: options.stallSeconds ?? 30, limits }).run({
      command: { outputs: [{ path: output, options: ['-c', 'copy'] }], ...command },
      input: source,
      workspace: folder,
      signal: options.signal ?? new AbortController().signal,
      log: createTestLog(),
    })
  const failure: Setup['failure'] = (command, options) =>
    run(command, options).then(
      () => assert.unreachable('expected an error') as never,
      (error: unknown) => error as MediadError,
    )
  await body({ folder, programs, source, output, run, failure })
  const remaining = (await readdir(folder)).filter((name) => name.startsWith('.'))
  assert.equal(remaining, [], 'the progress file is removed')
}

async function openFake(folder: string, body: string): Promise<Programs> {
  const directory = join(folder, 'programs')
  await mkdir(directory)
  const ffmpegPath = await writeFake(join(folder, 'fake'), body)
  return await openPrograms({ ffmpegPath, ffprobePath: 'ffprobe', directory })
}

/**
 * Writes a script that replaces ffmpeg; `$last` in its body is the output. Requests for ffmpeg's capabilities return nothing
 * and do not run the body.
 */
async function writeFake(path: string, body: string): Promise<string> {
  const script = `[ "$1" = -version ] && { echo "ffmpeg version 9.9"; exit; }
for last; do :; done
last="\${last#file:}"
case "$last" in /*) ;; *) exit ;; esac
`
  await writeFile(path, `#!/bin/sh\n${script}${body}\n`)
  await chmod(path, 0o755)
  return path
}
