import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { toArtifact, type AddRequest } from '../../daemon/pipeline/artifact.ts'
import type { Probe, VideoStream } from '../../daemon/vocabulary/media.ts'
import { JOB, rejection, route, source } from '../helpers/fakes.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { aProbe } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const video: VideoStream = {
  index: 0,
  codec: 'h264',
  width: 160,
  height: 90,
  rotation: 0,
  pixelFormat: 'yuv420p',
  framesPerSecond: 25,
  durationSeconds: 1,
}
const audio = { index: 1, codec: 'aac', channels: 2, sampleRate: 48_000, durationSeconds: 1 }
const probe = aProbe({ format: 'mp4', durationSeconds: 1.5, sizeBytes: 4, video, audio, streamCount: 2 })

const seen = { codec: 'h264', width: 160, height: 90, framesPerSecond: 25, pixelFormat: 'yuv420p' }
const heard = { channels: 2, sampleRate: 48_000 }

const scope = { id: JOB, source, route, routes: [route] as const, statePrefix: '.mediad/' }
const options = { key: 'cvted_{name}.mp4', contentType: 'video/mp4' }

/** A workspace with one file of 4 bytes, and what ffprobe is asked for. */
async function prepare(found: Probe = probe) {
  const folder = await temporaryFolder()
  const workspace = join(folder.path, 'job-1')
  await mkdir(workspace)
  const path = join(workspace, 'video.mp4')
  await writeFile(path, 'film')
  const inspected: string[] = []
  const inspect = async (path: string) => {
    inspected.push(path)
    return found
  }
  const add = (change: Partial<AddRequest> = {}) =>
    toArtifact({ path, kind: 'video', options, workspace, scope, inspect, seconds: 2, ...change })
  return { folder, workspace, path, inspected, add, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

const test = suite('artifact')

test('a file becomes an artifact: size, key, and what ffprobe sees in it', async () => {
  await using prepared = await prepare()
  const { path, add, inspected } = prepared
  assert.equal(await add(), {
    path,
    kind: 'video',
    key: 'cvted_a.mp4',
    contentType: 'video/mp4',
    sizeBytes: 4,
    seconds: 2,
    media: { format: 'mp4', ...seen, ...heard, audioCodec: 'aac', durationSeconds: 1.5, streams: 2 },
  })
  assert.equal(inspected, [path])
})

test('a path may be relative to the workspace, and gets absolute', async () => {
  await using prepared = await prepare()
  assert.is((await prepared.add({ path: 'video.mp4' })).path, prepared.path)
  assert.is((await prepared.add({ path: './x/../video.mp4' })).path, prepared.path)
})

test('values fill places of the key; a key that loops is refused', async () => {
  await using prepared = await prepare()
  const { add } = prepared
  assert.is((await add({ options: { ...options, key: '{name}_{n}.mp4', values: { n: 7 } } })).key, 'a_7.mp4')
  assert.is((await rejection(add({ options: { ...options, key: 'origin_{name}.mp4' } }))).code, 'output.key')
})

const summaries: [name: string, found: Partial<Probe>, contentType: string, media: object | undefined][] = [
  [
    'a turned picture',
    { video: { ...video, rotation: 90 }, audio: null },
    'video/mp4',
    { format: 'mp4', ...seen, width: 90, height: 160, rotation: 90, durationSeconds: 1.5, streams: 2 },
  ],
  [
    'sound alone',
    { video: null },
    'audio/mp4',
    { format: 'mp4', codec: 'aac', ...heard, durationSeconds: 1.5, streams: 2 },
  ],
  ['a picture', { audio: null, format: 'jpeg_pipe' }, 'image/jpeg', { format: 'jpeg_pipe', ...seen, streams: 2 }],
  ['no duration', { audio: null, durationSeconds: null }, 'video/webm', { format: 'mp4', ...seen, streams: 2 }],
  ['no media', {}, 'text/plain', undefined],
  ['no media that sounds like it', {}, 'application/video', undefined],
]

for (const [name, found, contentType, media] of summaries) {
  test(`what is said of it: ${name}`, async () => {
    await using prepared = await prepare({ ...probe, ...found })
    const artifact = await prepared.add({ options: { ...options, contentType } })
    assert.equal(artifact.media, media)
    assert.is(prepared.inspected.length, media === undefined ? 0 : 1)
  })
}

test('what lies outside the workspace is refused, whatever leads there', async () => {
  await using prepared = await prepare()
  const { folder, workspace, add, inspected } = prepared
  const outside = join(folder.path, 'outside')
  await writeFile(outside, 'secret')
  await writeFile(`${workspace}x`, 'neighbour')
  await symlink(outside, join(workspace, 'link'))
  const paths = [
    '/etc/hostname',
    '../outside',
    outside,
    `${workspace}x`,
    workspace,
    '.',
    '..',
    '',
    join(workspace, 'link'),
  ]
  for (const path of paths) {
    assert.is((await rejection(add({ path }))).code, 'internal.output', path)
  }
  assert.equal(inspected, [])
})

test('what is missing, empty or no file is refused', async () => {
  await using prepared = await prepare()
  const { workspace, add } = prepared
  await writeFile(join(workspace, 'empty'), '')
  await mkdir(join(workspace, 'folder'))
  for (const path of ['missing', 'empty', 'folder', 'missing/too']) {
    const error = await rejection(add({ path, kind: 'thumbnail' }))
    assert.equal([error.code, error.verdict], ['internal.output', 'retry'], path)
    assert.match(error.message, /thumbnail/)
  }
})

test('what ffprobe cannot read is refused with what ffprobe says', async () => {
  await using prepared = await prepare()
  const failure = new Error('no media')
  const inspect = async () => {
    throw failure
  }
  assert.is((await rejection(prepared.add({ inspect }))) as Error, failure)
})
