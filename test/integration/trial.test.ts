import { chmod, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { createFfmpegChecks } from '../../daemon/lifecycle/ffmpeg-checks.ts'
import { definePlugin, MediadError, z, type FfmpegTrial } from '../../daemon/index.ts'
import { openPrograms, type Programs } from '../../daemon/programs/programs.ts'
import type { Plugin } from '../../daemon/vocabulary/plugin.ts'
import { createInspect } from '../../daemon/probe/inspect.ts'
import { sampleProbe, toSampleVideo } from '../../daemon/trial/sample.ts'
import { findTested, runTrials } from '../../daemon/trial/trials.ts'
import { thumbnail, transcode } from '../../plugins/index.ts'
import { createTestLog } from '../helpers/context.ts'
import { makeConfig } from '../helpers/edge.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('trial runs of ffmpeg')
const log = createTestLog()

const open = (directory: string, ffmpegPath = 'ffmpeg', ffprobePath = 'ffprobe') =>
  openPrograms({ ffmpegPath, ffprobePath, directory, memoryBytes: 8 * 2 ** 30 })

const tryChain = async (plugins: readonly Plugin[], prepare?: (folder: string) => Promise<string>) => {
  await using folder = await temporaryFolder()
  const programs = await open(folder.path, await prepare?.(folder.path))
  const before = await readdir(folder.path)
  try {
    return await runTrials({ programs, plugins, log })
  } finally {
    assert.equal(await readdir(folder.path), before, 'no files remain')
  }
}

async function errorOf(running: Promise<unknown>): Promise<MediadError> {
  const [result] = await Promise.allSettled([running])
  if (result.status === 'fulfilled') throw new Error('expected an error')
  assert.instance(result.reason, MediadError)
  return result.reason as MediadError
}

type Fake = { program?: 'ffmpeg' | 'ffprobe'; when: string; prints: string }

/** Writes a program that fails if its options contain the word `when`, and otherwise runs the real one. */
async function writeFake(folder: string, { program = 'ffmpeg', when, prints }: Fake): Promise<string> {
  const path = join(folder, 'fake')
  const text = `#!/bin/sh\ncase " $* " in *" ${when} "*) echo "${prints}" >&2; exit 1;; esac\nexec ${program} "$@"\n`
  await writeFile(path, text)
  await chmod(path, 0o755)
  return path
}

const decodes = (name: string, stream: string): FfmpegTrial => ({ name, alsoDecode: ['-map', stream] })

/** A plugin that only declares trials. */
const needs = (...trials: FfmpegTrial[]) =>
  definePlugin('needs', z.object({}), () => ({ trials: () => trials, run() {} }))()

const toFrame = ['-map', '0:0', '-frames:v', '1']
const works = (name: string): FfmpegTrial => ({ name, output: { extension: 'png', options: toFrame } })

test('the sample matches its declared probe', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'sample.avi')
  await writeFile(path, toSampleVideo())
  const limits = { pixels: 10_000, streams: 2 }
  const { video, audio, format, streamCount } = await createInspect({ programs: await open(folder.path), limits })(path)
  assert.equal({ format, streamCount }, { format: 'avi', streamCount: 2 })
  for (const name of [
    'index',
    'codec',
    'width',
    'height',
    'pixelFormat',
    'framesPerSecond',
    'maxFramesPerSecond',
  ] as const)
    assert.is(video?.[name], sampleProbe.video?.[name], name)
  for (const name of ['index', 'codec', 'channels', 'sampleRate'] as const)
    assert.is(audio?.[name], sampleProbe.audio?.[name], name)
})

const chains: readonly [name: string, plugins: readonly Plugin[]][] = [
  ['h264 and jpg', [transcode(), thumbnail()]],
  ['hevc in HDR and png', [transcode({ codec: 'hevc', hdr: 'keep' }), thumbnail({ format: 'png' })]],
  ['av1 in HDR, loudness', [transcode({ codec: 'av1', hdr: 'keep', loudness: { target: -16 } })]],
  ['vp9 and webp', [transcode({ codec: 'vp9', key: '{name}.webm' }), thumbnail({ format: 'webp' })]],
  ['two files of one source', [transcode(), transcode({ codec: 'hevc', copy: 'never', key: '{name}.mkv' })]],
  ['cover', [transcode({ fit: 'cover', maxWidth: 20, maxHeight: 90, onCorrupt: 'warn', metadata: 'keep' })]],
]

for (const [n, [name, plugins]] of chains.entries()) {
  const add = n === 0 ? test : test.exhaustive
  add(`this ffmpeg passes the trials of ${name}`, async () => {
    const trials = (await tryChain(plugins)).passed
    for (const encoder of plugins.flatMap(({ hooks }) => hooks.encoders ?? []))
      assert.ok(
        trials.some((trial) => trial.startsWith(encoder)),
        `${encoder} was not tested: ${trials.join(', ')}`,
      )
  })
}

test('lists the encoders and filters that trials use', () => {
  const { encoders, filters } = findTested([
    needs(
      {
        name: 'a',
        output: { extension: 'mp4', options: ['-c:v', 'x', '-vf', 'one=a=b,two', '-codec:a', 'y', '-f', 'z'] },
      },
      { name: 'b', alsoDecode: ['-filter:v', "[in]three=w='if(1,2)';[out]four"] },
    ),
  ])
  assert.equal([...encoders], ['x', 'y'])
  for (const name of ['one', 'two', 'three', 'four']) assert.ok(filters.has(name), name)
  for (const name of ['a', 'z', 'if']) assert.not.ok(filters.has(name), name)
  assert.equal(
    [findTested([thumbnail()]).encoders.has('mjpeg'), findTested([transcode()]).filters.has('zscale')],
    [true, true],
  )
})

test('names each failed trial with its plugin and the error of ffmpeg', async () => {
  const options = ['-map', '0:0', '-vf', 'scale=no_such_option=1']
  const chain = [
    needs(
      works('good'),
      { name: 'bad filter', output: { extension: 'mp4', options } },
      { name: 'bad option', output: { extension: 'mp4', options: ['-no_such_option', '1'] } },
    ),
  ]
  const { code, message } = await errorOf(tryChain(chain))
  assert.is(code, 'config.ffmpeg')
  assert.match(
    message,
    /^ffmpeg \S+ failed a trial run of bad filter \(for needs\): .*; bad option \(for needs\): .*no_such_option/,
  )
  assert.not.match(message, 'good')
  assert.match(message, /Install an ffmpeg that supports this, or choose other options in the config$/)
})

test.exhaustive('finds an encoder that is listed but does not work', async () => {
  const broken = { when: 'libx264', prints: '[libx264 @ 0x1] [error] broken' }
  const { message } = await errorOf(tryChain([transcode(), thumbnail()], (folder) => writeFake(folder, broken)))
  assert.match(message, /libx264 with the filters of .* \(for transcode\): \[libx264 @ 0x1\] \[error\] broken/)
  assert.not.match(message, 'mjpeg')
})

test.exhaustive('fails a trial with an empty output', async () => {
  const nothing = {
    name: 'nothing',
    output: { extension: 'rgb', options: ['-map', '0:0', '-frames:v', '0', '-f', 'rawvideo'] },
  }
  const { message } = await errorOf(tryChain([needs(nothing)]))
  assert.match(message, /nothing \(for needs\): ffmpeg reported success but wrote nothing/)
})

test.exhaustive('runs trials with different decode checks separately', async () => {
  const { passed } = await tryChain([needs(decodes('video', '0:0'), decodes('audio', '0:1'))])
  assert.equal(passed, ['video', 'audio'])
  const { message } = await errorOf(tryChain([needs(decodes('video', '0:0'), decodes('missing', '0:7'))]))
  assert.match(message, /run of missing \(for needs\): /)
})

test.exhaustive('reports the end of an optional trial, and passes without it', async () => {
  const ends: [string, string | null][] = []
  const optional = (trial: FfmpegTrial): FfmpegTrial => ({
    ...trial,
    onEnd: (failure) => void ends.push([trial.name, failure]),
  })
  const bad: FfmpegTrial = { name: 'bad', output: { extension: 'mp4', options: ['-c:v', 'no_such_encoder'] } }
  const { passed } = await tryChain([
    needs(optional(works('good')), optional(bad), works('needed')),
    needs(optional(bad)),
  ])
  assert.equal(passed, ['good', 'needed'])
  const [, failure] = ends[1] ?? []
  assert.match(failure ?? '', /no_such_encoder/)
  assert.equal(ends, [
    ['good', null],
    ['bad', failure],
    ['bad', failure],
  ])
  const { message } = await errorOf(tryChain([needs(optional(bad)), needs(bad)]))
  assert.match(message, /failed a trial run of bad \(for needs\)/)
})

test('finds an ffprobe that rejects the options, even if no plugin declares a trial', async () => {
  await using folder = await temporaryFolder()
  const prints = "Unrecognized option 'show_entries'."
  const path = await writeFake(folder.path, { program: 'ffprobe', when: '-show_entries', prints })
  const { code, message } = await errorOf(
    runTrials({ programs: await open(folder.path, 'ffmpeg', path), plugins: [], log }),
  )
  assert.is(code, 'config.ffmpeg')
  assert.match(message, /failed a trial run of ffprobe: /)
})

test.exhaustive('reports a machine without memory as such, not as an ffmpeg that fails', async () => {
  const outOfMemory = { when: '-progress', prints: '[error] Cannot allocate memory' }
  assert.is(
    (await errorOf(tryChain([needs(works('good'))], (folder) => writeFake(folder, outOfMemory)))).code,
    'resource.memory',
  )
})

test('the check warns of an ffprobe of another version, and reports an untested version', async () => {
  const programs = { version: '8.0', probeVersion: '7.1', dieWithDaemon: true } as Programs
  const [check] = createFfmpegChecks({ config: makeConfig(), openPrograms: async () => programs, log })
  const warnings: string[] = []
  assert.match((await check?.run((message) => warnings.push(message))) ?? '', /^8\.0, not a tested version/)
  assert.is(warnings.length, 1)
  assert.match(warnings[0] ?? '', /ffprobe is version 7\.1/)
})
