import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { toArtifact, toKey, type AddRequest } from '../../daemon/pipeline/artifact.ts'
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

const videoSummary = { codec: 'h264', width: 160, height: 90, framesPerSecond: 25, pixelFormat: 'yuv420p' }
const audioSummary = { channels: 2, sampleRate: 48_000 }

const scope = { id: JOB, version: 'v1', source, route, routes: [route] as const, statePrefix: '.mediad/' }
const options = { key: 'cvted_{name}.mp4', contentType: 'video/mp4' }

/** Creates a workspace with one file of 4 bytes, and records the paths that are probed. */
async function prepare(result: Probe = probe) {
  const folder = await temporaryFolder()
  const workspace = join(folder.path, 'job-1')
  await mkdir(workspace)
  const path = join(workspace, 'video.mp4')
  await writeFile(path, 'data')
  const inspected: string[] = []
  const inspect = async (path: string) => {
    inspected.push(path)
    return result
  }
  const add = (change: Partial<AddRequest> = {}) =>
    toArtifact({
      path,
      kind: 'video',
      options,
      workspace,
      scope,
      inspect,
      seconds: 2,
      added: [],
      keys: [(change.options ?? options).key],
      ...change,
    })
  return { folder, workspace, path, inspected, add, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

const test = suite('artifact')

test('a stated duration replaces that of ffprobe', async () => {
  await using files = await prepare()
  const { media } = await files.add({ options: { ...options, durationSeconds: 1.58 + 1e-7 } })
  assert.is(media?.durationSeconds, 1.58)
  assert.is(media?.codec, 'h264')
})

test('keeps which tracks were copied, if the plugin reports it', async () => {
  await using prepared = await prepare()
  assert.is((await prepared.add()).copied, undefined)
  assert.equal((await prepared.add({ options: { ...options, copied: ['audio'] } })).copied, ['audio'])
})

test('converts a file to an artifact with its size, key and media summary', async () => {
  await using prepared = await prepare()
  const { path, add, inspected } = prepared
  assert.equal(await add(), {
    path,
    kind: 'video',
    key: 'cvted_a.mp4',
    contentType: 'video/mp4',
    sizeBytes: 4,
    seconds: 2,
    media: { format: 'mp4', ...videoSummary, ...audioSummary, audioCodec: 'aac', durationSeconds: 1.5, streams: 2 },
  })
  assert.equal(inspected, [path])
})

test('accepts a path relative to the workspace, and makes it absolute', async () => {
  await using prepared = await prepare()
  assert.is((await prepared.add({ path: 'video.mp4' })).path, prepared.path)
  assert.is((await prepared.add({ path: './x/../video.mp4' })).path, prepared.path)
})

test('accepts only keys that the plugin declares', async () => {
  await using prepared = await prepare()
  for (const keys of [[], ['{name}.mp4', 'cvted_{name}.webm']]) {
    const error = await rejection(prepared.add({ keys }))
    assert.is(error.code, 'output.key')
    assert.match(error.message, keys.length === 0 ? 'declares none' : 'it declares {name}.mp4, cvted_{name}.webm')
  }
})

test('rejects a second file with the same key, whichever template it comes from', async () => {
  await using prepared = await prepare()
  const added = [await prepared.add()]
  const error = await rejection(prepared.add({ added, options: { ...options, key: 'cvted_a.mp4' } }))
  assert.equal([error.code, error.verdict], ['output.key', 'reject'])
  assert.match(error.message, 'two files of this attempt have the key "cvted_a.mp4"')
  assert.is((await prepared.add({ added, options: { ...options, key: 'other_{name}.mp4' } })).key, 'other_a.mp4')
})

test('fills placeholders of the key with values; rejects the key of a source', async () => {
  await using prepared = await prepare()
  const { add } = prepared
  assert.is((await add({ options: { ...options, key: '{name}_{n}.mp4', values: { n: 7 } } })).key, 'a_7.mp4')
  assert.is((await rejection(add({ options: { ...options, key: 'origin_{name}.mp4' } }))).code, 'output.key')
})

const summaries: [name: string, result: Partial<Probe>, contentType: string, media: object | undefined][] = [
  [
    'rotated video',
    { video: { ...video, rotation: 90 }, audio: null },
    'video/mp4',
    { format: 'mp4', ...videoSummary, width: 90, height: 160, rotation: 90, durationSeconds: 1.5, streams: 2 },
  ],
  [
    'audio only',
    { video: null },
    'audio/mp4',
    { format: 'mp4', codec: 'aac', ...audioSummary, durationSeconds: 1.5, streams: 2 },
  ],
  ['no duration', { audio: null, durationSeconds: null }, 'video/webm', { format: 'mp4', ...videoSummary, streams: 2 }],
  ['another content type', {}, 'text/plain', undefined],
  ['a content type that only resembles one of media', {}, 'application/video', undefined],
]

for (const [name, result, contentType, media] of summaries) {
  test(`creates the media summary of ${name}`, async () => {
    await using prepared = await prepare({ ...probe, ...result })
    const artifact = await prepared.add({ options: { ...options, contentType } })
    assert.equal(artifact.media, media)
    assert.is(prepared.inspected.length, media === undefined ? 0 : 1)
  })
}

/** A PNG header that states 30x20 pixels. */
const png = Buffer.from('89504e470d0a1a0a0000000d494844520000001e000000140802000000', 'hex')

test('reads the format and the size of an image from its header, without ffprobe', async () => {
  await using prepared = await prepare()
  const { path, add, inspected } = prepared
  await writeFile(path, png)
  for (const contentType of ['image/png', 'image/jpeg', 'image/webp'])
    assert.equal((await add({ options: { ...options, contentType } })).media, { format: 'png', width: 30, height: 20 })
  assert.equal(inspected, [])
  assert.is((await add({ options: { ...options, contentType: 'image/svg+xml' } })).media, undefined)
})

test('states the size of a photo as a viewer shows it', async () => {
  await using prepared = await prepare()
  const { path, add } = prepared
  await writeFile(path, toJpegHeader({ width: 30, height: 20, orientation: 6 }))
  const { media } = await add({ options: { ...options, contentType: 'image/jpeg' } })
  assert.equal(media, { format: 'jpeg', width: 20, height: 30 })
})

test('rejects a file with the type of an image that is none', async () => {
  await using prepared = await prepare()
  for (const text of ['data', png.subarray(0, 20), Buffer.from('ffd8ff', 'hex')]) {
    await writeFile(prepared.path, text)
    const error = await rejection(prepared.add({ options: { ...options, contentType: 'image/png' } }))
    assert.equal([error.code, error.verdict], ['internal.output', 'retry'])
  }
})

test('rejects a file outside the workspace, also through a symbolic link', async () => {
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

test('rejects a path that is missing, empty or not a file', async () => {
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

test('rejects a file that ffprobe cannot read, with the error of ffprobe', async () => {
  await using prepared = await prepare()
  const failure = new Error('no media')
  const inspect = async () => {
    throw failure
  }
  assert.is((await rejection(prepared.add({ inspect }))) as Error, failure)
})

/** Returns the start of a JPEG with an EXIF orientation: APP1 with one TIFF entry, then the frame header. */
function toJpegHeader({ width, height, orientation }: { width: number; height: number; orientation: number }): Buffer {
  const tiff = Buffer.from('4d4d002a00000008000101120003000000010000000000000000', 'hex')
  tiff.writeUInt16BE(orientation, 18)
  const exif = Buffer.concat([Buffer.from('Exif\0\0'), tiff])
  const app1 = Buffer.from([0xff, 0xe1, 0, exif.length + 2])
  const frame = Buffer.from('ffc0000b08000000000301110000'.padEnd(40, '0'), 'hex')
  frame.writeUInt16BE(height, 5)
  frame.writeUInt16BE(width, 7)
  return Buffer.concat([Buffer.from([0xff, 0xd8]), app1, exif, frame])
}

test('keeps the Cache-Control of the object', async () => {
  await using prepared = await prepare()
  assert.is((await prepared.add()).cacheControl, undefined)
  assert.is((await prepared.add({ options: { ...options, cacheControl: 'max-age=10' } })).cacheControl, 'max-age=10')
})

test('returns the key of a file before it is added, by the same rules', () => {
  assert.is(toKey({ options: { key: '{name}_{n}.mp4', values: { n: 2 } }, scope, keys: ['{name}_{n}.mp4'] }), 'a_2.mp4')
  assert.throws(() => toKey({ options: { key: 'other' }, scope, keys: ['{name}'] }), /not in the plugin's keys/)
})
