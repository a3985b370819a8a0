/** Compares the media of presentations with their sources: audio to the sample, frames by their similarity. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { ffmpeg } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { readSsim } from '../media/measure.ts'
import { readSamples } from '../media/samples.ts'
import { makePresentation, type Presentation, type PresentationOptions } from './package.ts'
import { readMedia, readPlaylist } from './read.ts'

const run = promisify(execFile)
const test = suite('content of presentations', { exhaustive: true })

const RATE = 48_000
/** Samples that are compared: from 1.5 s on, for 2 s. */
const PART = { from: 1.5 * RATE, length: 2 * RATE }
const MAX_LAG = 3000

/** Returns by how many samples the second audio is later than the first, found by cross-correlation. */
function findLag(expected: Float32Array, actual: Float32Array): number {
  let [best, lag] = [-Infinity, 0]
  for (let shift = -MAX_LAG; shift <= MAX_LAG; shift++) {
    let sum = 0
    for (let n = PART.from; n < PART.from + PART.length; n += 7) sum += (expected[n] ?? 0) * (actual[n + shift] ?? 0)
    if (sum > best) [best, lag] = [sum, shift]
  }
  return lag
}

const video = ['-f', 'lavfi', '-i', 'testsrc2=size=160x90:rate=25:duration=5']
const noise = [
  '-f',
  'lavfi',
  '-i',
  "anoisesrc=duration=5:seed=1:color=pink:amplitude=0.3,volume='0.2+0.8*lt(mod(t,0.7),0.1)':eval=frame",
]
const x264 = [
  '-map',
  '0',
  '-map',
  '1',
  '-c:v',
  'libx264',
  '-preset',
  'ultrafast',
  '-bf',
  '2',
  '-ac',
  '1',
  '-ar',
  '48000',
]

type Sync = PresentationOptions & {
  options: string[]
  /** Seconds of silence before the audio of the source. */ delay?: number
}
const sources: Record<string, Sync> = {
  'AAC from PCM': { options: [...video, ...noise, ...x264, '-c:a', 'pcm_s16le'], name: 'source.mkv' },
  'Opus from PCM': {
    options: [...video, ...noise, ...x264, '-c:a', 'pcm_s16le'],
    name: 'source.mkv',
    transcode: { audio: { codec: 'opus' } },
  },
  'audio that starts half a second late': {
    options: [...video, '-itsoffset', '0.5', ...noise, ...x264, '-c:a', 'flac'],
    name: 'source.mkv',
    delay: 0.5,
  },
  'video that starts a second late': {
    options: ['-itsoffset', '1', ...video, ...noise, ...x264, '-c:a', 'flac'],
    name: 'source.mkv',
  },
  'MPEG-TS': { options: [...video, ...noise, ...x264, '-c:a', 'mp2'], name: 'source.ts' },
}

for (const [name, { options, delay = 0, ...given }] of Object.entries(sources))
  test(`audio keeps its time to the sample: ${name}`, async () => {
    const transcode = { renditions: [{ height: 90 }], ...given.transcode }
    await using made = await makePresentation({ ...given, transcode, make: (path) => ffmpeg([...options, path]) })
    const [expected = new Float32Array()] = await readSamples(made.source, 1)
    const audio = made.context.artifacts.find(({ contentType }) => contentType === 'audio/mp4')
    const [decoded = new Float32Array()] = await readSamples(audio?.path ?? '', 1)
    const starts = readMedia(made.files.get(audio?.key ?? '') ?? Buffer.alloc(0)).samples[0]?.presentation ?? 0
    // the source is read from the start of its audio, the rendition from its first sample
    const actual = decoded.subarray(Math.round(delay * RATE) - Math.round(starts * RATE))
    assert.ok(Math.abs(findLag(expected, actual)) <= 1, String(findLag(expected, actual)))
    const frames = readMedia(toVideo(made)).samples.map(({ presentation }) => presentation)
    assert.is(Math.min(...frames), 0)
  })

function toVideo({ files }: Presentation): Buffer {
  const key = [...files.keys()].find((one) => one.endsWith('p.mp4')) ?? ''
  return files.get(key) ?? Buffer.alloc(0)
}

/** SSIM of luma to the scaled source that each codec reaches with its default quality. */
const FLOOR = 0.93

test('each rung is similar to the scaled source, and each I-frame decodes alone', async () => {
  const renditions = [
    { height: 270 },
    { height: 180, codec: 'hevc' as const, preset: 'ultrafast' },
    { height: 180, codec: 'av1' as const, preset: 10 },
    { height: 180, codec: 'vp9' as const, preset: 5 },
  ]
  await using made = await makePresentation({
    transcode: { renditions },
    video: { seconds: 5, width: 480, height: 270 },
  })
  const values: [key: string, ssim: number][] = []
  for (const { path, key, contentType } of made.context.artifacts) {
    if (contentType !== 'video/mp4') continue
    const { width = 0, height = 0 } = readMedia(made.files.get(key) ?? Buffer.alloc(0))
    const filters = [`scale=${width}:${height}`]
    const ssim = await readSsim({ output: path, source: made.source, filters, lumaOnly: true, enough: FLOOR })
    values.push([key, ssim])
    await checkIFrames(made, key)
  }
  assert.ok(
    values.every(([, ssim]) => ssim >= FLOOR),
    values.join('; '),
  )
})

/** Decodes the header and one range of an I-frame playlist: there is one frame, like that of the whole file. */
async function checkIFrames({ files, context }: Presentation, key: string): Promise<void> {
  const bytes = files.get(key) ?? Buffer.alloc(0)
  const { segments, init } = readPlaylist(files, key.replace('.mp4', '-iframes.m3u8'))
  assert.is(segments.length, 3)
  for (const [n, { offset, size }] of segments.entries()) {
    const path = join(context.workspace, `frame-${n}.mp4`)
    await writeFile(path, Buffer.concat([bytes.subarray(0, init?.size), bytes.subarray(offset, offset + size)]))
    const { stdout } = await run('ffmpeg', ['-v', 'quiet', '-i', path, '-frames:v', '1', '-f', 'framemd5', '-'])
    assert.match(stdout, /^0, +0, /m, `${key} ${n}`)
    const whole = context.artifacts.find((one) => one.key === key)?.path ?? ''
    const args = [
      '-v',
      'quiet',
      '-i',
      whole,
      '-vf',
      `select='eq(n,${n * 50})'`,
      '-fps_mode',
      'passthrough',
      '-f',
      'framemd5',
      '-',
    ]
    const expected = await run('ffmpeg', args)
    assert.is(toHash(stdout), toHash(expected.stdout), `${key} ${n}`)
  }
}

const toHash = (text: string): string => /, ([0-9a-f]{32})$/m.exec(text)?.[1] ?? 'none'
