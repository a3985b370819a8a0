import * as assert from 'uvu/assert'
import { ffmpeg, makeAudio, makeVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { makePresentation, type PresentationOptions } from './package.ts'
import { readMaster } from './read.ts'
import { validateDash } from './validate-dash.ts'
import { validateHls } from './validate-hls.ts'

const test = suite('sources of presentations')

type Case = PresentationOptions & {
  /** Sizes of the variants, from the largest. */
  sizes: string[]
  /** Names of the audio tracks. */
  audio?: string[]
  /** Rules that a source of this kind cannot keep, such as those about bit rates of a video without movement. */
  except?: RegExp
}

const two: Pick<PresentationOptions, 'transcode'> = { transcode: { renditions: [{ height: 180 }, { height: 120 }] } }
const video = (rate: string, seconds = 5) => [
  '-f',
  'lavfi',
  '-i',
  `testsrc2=size=320x180:rate=${rate}:duration=${seconds}`,
]
const tone = (hertz: number, seconds = 5) => ['-f', 'lavfi', '-i', `sine=frequency=${hertz}:duration=${seconds}`]
const x264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p']
const make =
  (...options: readonly (readonly string[])[]) =>
  (path: string) =>
    ffmpeg([...options.flat(), path])

const languages = ['-metadata:s:a:0', 'language=eng', '-metadata:s:a:1', 'language=fra']

/** Repeats a minute 60 times without encoding it again. Without audio: the AAC of an hour would take minutes. */
async function makeHour(path: string): Promise<void> {
  const minute = `${path}.minute.mp4`
  const pattern = ['-f', 'lavfi', '-i', 'testsrc2=size=160x90:rate=2:duration=60']
  await ffmpeg([...pattern, ...x264, minute])
  await ffmpeg(['-stream_loop', '59', '-i', minute, '-c', 'copy', path])
}

const cases: Record<string, Case> = {
  'no audio': {
    ...two,
    make: (path) => makeVideo(path, { seconds: 5, width: 320, height: 180, audio: false }),
    sizes: ['320x180', '212x120'],
    audio: [],
  },
  'no video': { name: 'source.m4a', make: (path) => makeAudio(path, { seconds: 14 }), sizes: [], audio: [] },
  portrait: {
    ...two,
    make: (path) => makeVideo(path, { seconds: 5, width: 320, height: 180, rotate: 90 }),
    sizes: ['180x320', '120x212'],
  },
  'three seconds': { ...two, video: { seconds: 3, width: 320, height: 180 }, sizes: ['320x180', '212x120'] },
  'two languages': {
    transcode: { ...two.transcode, audio: { languages: 'all' } },
    make: make(video('25'), tone(440), tone(880), ['-map', '0', '-map', '1', '-map', '2'], x264, [
      '-metadata:s:a:0',
      'language=eng',
      '-metadata:s:a:1',
      'language=fra',
    ]),
    sizes: ['320x180', '212x120'],
    audio: ['English', 'français'],
  },
  'a language that cannot be decoded': {
    transcode: { ...two.transcode, audio: { languages: 'all' } },
    name: 'source.mkv',
    make: make(
      [video('25'), tone(440), tone(880), ['-map', '0', '-map', '1', '-map', '2'], x264].flat(),
      ['-c:a', 'flac', '-bsf:a:1', 'noise=amount=1'],
      languages,
    ),
    sizes: ['320x180', '212x120'],
    audio: ['English'],
  },
  'two languages without video': {
    transcode: { ...two.transcode, audio: { languages: 'all' } },
    name: 'source.mka',
    make: make(tone(440), tone(880), ['-map', '0', '-map', '1', '-c:a', 'flac'], languages),
    sizes: [],
    audio: ['English', 'français'],
  },
  '5.1': {
    ...two,
    make: make(video('25'), tone(440), x264, ['-af', 'pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0', '-c:a', 'ac3']),
    sizes: ['320x180', '212x120'],
  },
  HDR: {
    transcode: { codec: 'hevc', hdr: 'keep', renditions: [{ height: 180 }, { height: 120 }] },
    make: make(
      video('25'),
      tone(440),
      ['-c:v', 'libx265', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p10le', '-tag:v', 'hvc1'],
      [
        '-x265-params',
        'log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc',
        '-color_primaries',
        'bt2020',
        '-color_trc',
        'smpte2084',
        '-colorspace',
        'bt2020nc',
      ],
    ),
    sizes: ['320x180', '212x120'],
  },
  interlaced: {
    ...two,
    make: make(video('25'), tone(440), [
      '-vf',
      'setfield=tff',
      '-flags',
      '+ilme+ildct',
      '-c:v',
      'mpeg2video',
      '-q:v',
      '3',
    ]),
    name: 'source.mpg',
    sizes: ['320x180', '212x120'],
  },
  'a variable frame rate': {
    ...two,
    make: make(video('30'), tone(440), ['-vf', "select='not(mod(n,2))+lt(t,2)'", '-fps_mode', 'vfr'], x264),
    sizes: ['320x180', '212x120'],
    except: /^FRAME-RATE|^frameRate/,
  },
  'video that starts a second late': {
    ...two,
    make: make(['-itsoffset', '1'], video('25'), tone(440, 6), x264),
    name: 'source.mkv',
    sizes: ['320x180', '212x120'],
    except: /^FRAME-RATE|^frameRate/,
  },
  'a long last frame': {
    ...two,
    make: make(video('5'), ['-vf', "select='lt(n,11)+eq(n,24)'", '-fps_mode', 'vfr', ...x264]),
    sizes: ['320x180', '212x120'],
    audio: [],
    except: /^FRAME-RATE|^frameRate|BANDWIDTH|^peak|^bandwidth/,
  },
  'an hour': {
    transcode: { renditions: [{ height: 90 }] },
    make: makeHour,
    sizes: ['160x90'],
    audio: [],
  },
  ...Object.fromEntries(
    ['24000/1001', '30000/1001', '60000/1001'].map((rate) => [
      `${rate} frames per second`,
      { ...two, make: make(video(rate), tone(440), x264), sizes: ['320x180', '212x120'] },
    ]),
  ),
}

/** Orders sizes by their width, the largest first. */
const byWidth = (a: string, b: string) => Number.parseInt(b) - Number.parseInt(a)

/** Bit rates of a few seconds of a test pattern vary more than those of real video. */
const short = /^(?:peak|BANDWIDTH|bandwidth)/

for (const [name, { sizes, audio = ['Audio'], except = /^$/, ...options }] of Object.entries(cases)) {
  const body = async () => {
    await using made = await makePresentation({ segmentSeconds: 2, ...options })
    const { files, master, manifest, context } = made
    const problems = [...validateHls(files, master), ...validateDash(files, manifest)]
    assert.equal(
      problems.filter((problem) => !except.test(problem) && !short.test(problem)),
      [],
    )
    const { variants } = readMaster(files, master)
    const found = variants.filter(({ isIFrameOnly }) => !isIFrameOnly)
    const listed = found.map(({ resolution }) => (resolution ? `${resolution.width}x${resolution.height}` : ''))
    assert.equal(listed.filter(Boolean).toSorted(byWidth), sizes)
    assert.equal(found[0]?.audio.map((one) => one.name) ?? [], audio)
    assert.is(context.notes.length, 1)
  }
  if (name === 'no video') test(`makes a valid presentation of a source with ${name}`, body)
  else test.exhaustive(`makes a valid presentation of a source with ${name}`, body)
}
