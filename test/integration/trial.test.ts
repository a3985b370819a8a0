import { chmod, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { createFfmpegChecks } from '../../daemon/lifecycle/ffmpeg-checks.ts'
import { definePlugin, MediadError, z, type FfmpegTrial } from '../../daemon/index.ts'
import { openPrograms, type Programs } from '../../daemon/programs/programs.ts'
import type { Plugin } from '../../daemon/vocabulary/plugin.ts'
import { createInspect } from '../../daemon/probe/probe.ts'
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
    assert.equal(await readdir(folder.path), before, 'nothing is left behind')
  }
}

async function refusalOf(trying: Promise<unknown>): Promise<MediadError> {
  const [result] = await Promise.allSettled([trying])
  if (result.status === 'fulfilled') throw new Error('it was not refused')
  assert.instance(result.reason, MediadError)
  return result.reason as MediadError
}

type Fake = { program?: 'ffmpeg' | 'ffprobe'; when: string; says: string }

/** A program that fails when its options contain a word, and is the real one otherwise. */
async function writeFake(folder: string, { program = 'ffmpeg', when, says }: Fake): Promise<string> {
  const path = join(folder, 'fake')
  const text = `#!/bin/sh\ncase " $* " in *" ${when} "*) echo "${says}" >&2; exit 1;; esac\nexec ${program} "$@"\n`
  await writeFile(path, text)
  await chmod(path, 0o755)
  return path
}

const decodes = (name: string, stream: string): FfmpegTrial => ({ name, alsoDecode: ['-map', stream] })

/** A plugin that does nothing but declare trials. */
const needs = (...trials: FfmpegTrial[]) =>
  definePlugin('needs', z.object({}), () => ({ trials: () => trials, run() {} }))()

const toFrame = ['-map', '0:0', '-frames:v', '1']
const works = (name: string): FfmpegTrial => ({ name, output: { extension: 'png', options: toFrame } })

test('the sample is what it is said to be', async () => {
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

for (const [name, plugins] of chains) {
  test(`this ffmpeg can do what the plugins need: ${name}`, async () => {
    const tried = await tryChain(plugins)
    for (const encoder of plugins.flatMap(({ hooks }) => hooks.encoders ?? []))
      assert.ok(
        tried.some((what) => what.startsWith(encoder)),
        `${encoder} was not tried: ${tried.join(', ')}`,
      )
  })
}

test('what the trials use need not be looked up', () => {
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

test('names each trial that failed, whose it is, and what ffmpeg said', async () => {
  const options = ['-map', '0:0', '-vf', 'scale=no_such_option=1']
  const chain = [
    needs(
      works('good'),
      { name: 'bad filter', output: { extension: 'mp4', options } },
      { name: 'bad option', output: { extension: 'mp4', options: ['-no_such_option', '1'] } },
    ),
  ]
  const { code, message } = await refusalOf(tryChain(chain))
  assert.is(code, 'config.ffmpeg')
  assert.match(
    message,
    /^ffmpeg \S+ failed a trial run of bad filter \(for needs\): .*; bad option \(for needs\): .*no_such_option/,
  )
  assert.not.match(message, 'good')
  assert.match(message, /Install an ffmpeg that can do it, or choose other options in the config$/)
})

test('an encoder that is listed and does not work is found', async () => {
  const broken = { when: 'libx264', says: '[libx264 @ 0x1] [error] broken' }
  const { message } = await refusalOf(tryChain([transcode(), thumbnail()], (folder) => writeFake(folder, broken)))
  assert.match(message, /libx264 with the filters of .* \(for transcode\): \[libx264 @ 0x1\] \[error\] broken/)
  assert.not.match(message, 'mjpeg')
})

test('an output that stays empty is a failure', async () => {
  const nothing = {
    name: 'nothing',
    output: { extension: 'rgb', options: ['-map', '0:0', '-frames:v', '0', '-f', 'rawvideo'] },
  }
  const { message } = await refusalOf(tryChain([needs(nothing)]))
  assert.match(message, /nothing \(for needs\): ffmpeg reported success but wrote nothing/)
})

test('plugins with decode checks of their own are tried apart', async () => {
  assert.equal(await tryChain([needs(decodes('video', '0:0'), decodes('audio', '0:1'))]), ['video', 'audio'])
  const { message } = await refusalOf(tryChain([needs(decodes('video', '0:0'), decodes('missing', '0:7'))]))
  assert.match(message, /run of missing \(for needs\): /)
})

test('an ffprobe that does not take the options is found, also when no plugin declares anything', async () => {
  await using folder = await temporaryFolder()
  const says = "Unrecognized option 'show_entries'."
  const path = await writeFake(folder.path, { program: 'ffprobe', when: '-show_entries', says })
  const { code, message } = await refusalOf(
    runTrials({ programs: await open(folder.path, 'ffmpeg', path), plugins: [], log }),
  )
  assert.is(code, 'config.ffmpeg')
  assert.match(message, /failed a trial run of ffprobe: /)
})

test('a machine without memory is not taken for an ffmpeg that cannot do it', async () => {
  const starved = { when: '-progress', says: '[error] Cannot allocate memory' }
  assert.is(
    (await refusalOf(tryChain([needs(works('good'))], (folder) => writeFake(folder, starved)))).code,
    'resource.memory',
  )
})

test('the check warns of an ffprobe of another version, and says that the version is not tested', async () => {
  const programs = { version: '8.0', probeVersion: '7.1', dieWithDaemon: true } as Programs
  const [check] = createFfmpegChecks({ config: makeConfig(), openPrograms: async () => programs, log })
  const warnings: string[] = []
  assert.match((await check?.run((message) => warnings.push(message))) ?? '', /^8\.0, not a tested version/)
  assert.is(warnings.length, 1)
  assert.match(warnings[0] ?? '', /ffprobe is version 7\.1/)
})
