import { readFile } from 'node:fs/promises'
import * as assert from 'uvu/assert'
import { findHardwareEncoder, toHardwareEnvironment } from '../../daemon/programs/hardware.ts'
import { toEndError } from '../../daemon/ffmpeg/end-error.ts'
import { openPrograms, type Programs } from '../../daemon/programs/programs.ts'
import { classify, type Facts } from '../../daemon/programs/printed/stderr.ts'
import type { Probe } from '../../daemon/index.ts'
import { createChoice } from '../../plugins/transcode/encoder/choice.ts'
import type { Hardware } from '../../plugins/transcode/encoder/hardware.ts'
import { toCall } from '../../plugins/transcode/encoder/video.ts'
import { reencodeAll } from '../../plugins/transcode/copy.ts'
import { toEncodeSettings, transcodeOptions, type EncodeSettings } from '../../plugins/transcode/options.ts'
import { transcode, transcodeArguments } from '../../plugins/transcode/transcode.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { aProbe, aVideo } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('hardware encoders')

type Given = Parameters<typeof transcodeOptions.parse>[0]
const settingsOf = (given: Given): EncodeSettings => toEncodeSettings(transcodeOptions.parse(given))
const hlg = aProbe({ video: aVideo({ transfer: 'arib-std-b67', primaries: 'bt2020', matrix: 'bt2020nc' }) })
const callOf = (hardware: Hardware, given: Given, probe: Probe = aProbe()) =>
  toCall({ settings: settingsOf(given), plan: reencodeAll, hardware }, probe)

/** The exact arguments: before the input; of the output; filters behind the others; pixel format. */
const table: readonly [hardware: Hardware, given: Given, expected: string, probe?: Probe][] = [
  [
    { family: 'nvenc' },
    {},
    '; h264_nvenc -preset p5 -tune hq -rc vbr -cq 23 -b:v 0 -profile:v high -g 250 -forced-idr 1;; yuv420p',
  ],
  [
    { family: 'nvenc', device: '1' },
    { codec: 'hevc', crf: 0, preset: 'ultrafast' },
    '; hevc_nvenc -preset p1 -tune hq -rc vbr -cq 1 -b:v 0 -profile:v main -g 250 -forced-idr 1 -gpu 1;; yuv420p',
  ],
  [
    { family: 'nvenc' },
    { codec: 'av1', crf: 35.5, preset: 0 },
    '; av1_nvenc -preset p7 -tune hq -rc vbr -cq 35.5 -b:v 0 -g 250 -forced-idr 1;; yuv420p',
  ],
  [
    { family: 'nvenc' },
    { codec: 'hevc', hdr: 'keep', preset: 'veryslow' },
    '; hevc_nvenc -preset p7 -tune hq -rc vbr -cq 28 -b:v 0 -profile:v main10 -g 250 -forced-idr 1;; p010le',
    hlg,
  ],
  [{ family: 'qsv' }, {}, '; h264_qsv -preset medium -global_quality 23 -profile:v high -g 250 -forced_idr 1;; nv12'],
  [
    { family: 'qsv', device: '/dev/dri/renderD129' },
    { codec: 'hevc', hdr: 'keep', preset: 'superfast' },
    '-qsv_device /dev/dri/renderD129; hevc_qsv -preset veryfast -global_quality 28 -profile:v main10 -g 250 -forced_idr 1;; p010le',
    hlg,
  ],
  [
    { family: 'qsv' },
    { codec: 'av1', crf: 0, preset: 13 },
    '; av1_qsv -preset veryfast -global_quality 1 -g 250 -forced_idr 1;; nv12',
  ],
  [
    { family: 'vaapi' },
    { crf: 22.6 },
    '-vaapi_device /dev/dri/renderD128; h264_vaapi -rc_mode CQP -qp 23 -profile:v high -g 250; format=nv12,hwupload; null',
  ],
  [
    { family: 'vaapi', device: '/dev/dri/renderD130' },
    { codec: 'hevc', hdr: 'keep' },
    '-vaapi_device /dev/dri/renderD130; hevc_vaapi -rc_mode CQP -qp 28 -profile:v main10 -g 250; format=p010,hwupload; null',
    hlg,
  ],
  [
    { family: 'vaapi' },
    { codec: 'av1' },
    '-vaapi_device /dev/dri/renderD128; av1_vaapi -rc_mode CQP -global_quality 142 -g 250; format=nv12,hwupload; null',
  ],
]

for (const [hardware, given, expected, probe] of table)
  test(`calls ${expected.split(' ', 3).join(' ')} for ${JSON.stringify(given)}`, () => {
    const call = callOf(hardware, given, probe)
    assert.ok(call)
    const { inputOptions, encoder, options, filters, pixelFormat } = call
    const parts = [inputOptions.join(' '), ` ${[encoder, ...options].join(' ')}`, filters.join(',')]
    assert.is(`${parts.join(';').replace(/;(?=\w)/, '; ')}; ${pixelFormat}`, expected)
  })

const call = (video: Partial<Parameters<typeof aVideo>[0]>, given: Given = {}) =>
  callOf({ family: 'nvenc' }, given, aProbe({ video: aVideo(video) }))?.encoder

test('encodes in software what hardware would not encode as well', () => {
  assert.is(call({}), 'h264_nvenc')
  assert.is(call({ width: 640, height: 254 }), 'libx264')
  assert.is(call({ width: 4098, height: 2304 }), 'libx264')
  assert.is(call({ width: 8192, height: 4320 }, { codec: 'hevc' }), 'hevc_nvenc')
  assert.is(call({}, { maxHeight: 240 }), 'libx264', 'the size of the result counts')
  assert.is(call({ framesPerSecond: 100, maxFramesPerSecond: 1000 }), 'libx264')
  const light = { max: 1000, average: 400 }
  const hdr10 = { transfer: 'smpte2084', primaries: 'bt2020', matrix: 'bt2020nc', mastering: { light } }
  assert.is(call(hdr10, { codec: 'hevc', hdr: 'keep' }), 'libx265')
  assert.is(call(hdr10, { codec: 'hevc' }), 'hevc_nvenc', 'tone-mapped video has no such metadata')
})

test('changes nothing in a command line but the encoder, its filters and the pixel format', () => {
  const request = { settings: settingsOf({}), plan: reencodeAll }
  const [software = '', hardware = ''] = [{}, { hardware: { family: 'vaapi' } as const }].map((how) =>
    transcodeArguments({ ...request, ...how }, aProbe()).join(' '),
  )
  assert.is(
    hardware.replace('h264_vaapi -rc_mode CQP -qp 23 -profile:v high -g 250', 'X').replace(',format=nv12,hwupload', ''),
    software.replace('libx264 -preset medium -crf 23 -profile:v high', 'X').replace(' -pix_fmt yuv420p', ''),
  )
})

test('uses no hardware by default', () => {
  assert.is(createChoice(settingsOf({})).choose(), undefined)
  assert.is(createChoice(settingsOf({})).explain(), null)
  assert.equal(createChoice(settingsOf({})).candidates, [])
})

test('takes the first hardware encoder that works, or software with a warning', () => {
  const choice = createChoice(settingsOf({ hardware: 'auto' }))
  assert.match(choice.explain() ?? '', 'none was tried')
  choice.report('nvenc', 'Cannot load libcuda.so.1')
  choice.report('qsv', 'Error creating a MFX session: -9')
  choice.report('vaapi', 'No VA display found for device /dev/dri/renderD128')
  assert.is(choice.choose(), undefined)
  assert.is(
    choice.explain(),
    'no hardware encoder works, so the video was encoded in software: h264_nvenc: Cannot load libcuda.so.1; ' +
      'h264_qsv: Error creating a MFX session: -9; h264_vaapi: No VA display found for device /dev/dri/renderD128',
  )
  choice.report('vaapi', null)
  assert.is(choice.choose()?.family, 'vaapi')
  choice.report('qsv', null)
  assert.is(choice.choose()?.family, 'qsv')
  assert.is(choice.explain(), null)
})

test('uses a named hardware encoder, whose trial has to pass', () => {
  const choice = createChoice(settingsOf({ hardware: 'nvenc', hardwareDevice: '1' }))
  assert.equal([choice.choose(), choice.isOptional], [{ family: 'nvenc', device: '1' }, false])
  assert.equal(transcode({ hardware: 'nvenc' }).hooks.encoders, ['libx264', 'aac', 'h264_nvenc'])
  assert.equal(transcode({ hardware: 'auto' }).hooks.encoders, ['libx264', 'aac'])
})

const families = (hardwareDevice: string) =>
  createChoice(settingsOf({ hardware: 'auto', hardwareDevice })).candidates.map(({ family }) => family)

test('with a device, tries only the families that have it', () => {
  assert.equal(families('1'), ['nvenc'])
  assert.equal(families('/dev/dri/renderD129'), ['qsv', 'vaapi'])
})

const problems = (...[options]: Parameters<typeof transcode>) =>
  transcode(options).problems.map(({ path, message }) => `${path.join('.')}: ${message}`)

test('rejects options that do not fit', () => {
  assert.equal(problems({ hardware: 'auto', codec: 'vp9', key: '{name}.webm' }), [
    'hardware: vp9 has no hardware encoder here: choose h264, hevc or av1',
  ])
  const wrong = ['hardwareDevice: nvenc takes a number, qsv and vaapi take a path, none takes neither']
  assert.equal(problems({ hardware: 'nvenc', hardwareDevice: '/dev/dri/renderD128' }), wrong)
  assert.equal(problems({ hardware: 'vaapi', hardwareDevice: '0' }), wrong)
  assert.equal(problems({ hardwareDevice: '0' }), wrong)
  for (const hardwareDevice of ['/dev/sda', '/dev/dri/renderD128,child=1', '-1', ''])
    assert.match(problems({ hardware: 'auto', hardwareDevice }).join(), 'must be the number of a GPU, or a path')
})

test('recognises hardware encoders in options', () => {
  assert.is(findHardwareEncoder(['-map', '0:0', '-c:v', 'h264_nvenc']), 'h264_nvenc')
  assert.is(findHardwareEncoder(['-codec:v:0', 'av1_vaapi']), 'av1_vaapi')
  assert.is(findHardwareEncoder(['-c:v', 'libx264', '-metadata', 'title=h264_nvenc']), undefined)
  assert.is(findHardwareEncoder(['-metadata', 'h264_nvenc']), undefined)
})

const encoding: Facts = { lacks: () => false, writes: true, usesHardware: true }

/** Lines that ffmpeg printed, on machines without a GPU here and on others in public reports of bugs. */
const failures: readonly (readonly [text: string, ...lines: string[]])[] = [
  [
    'Cannot load libcuda.so.1',
    '[h264_nvenc @ 0x561c9c605180] [error] Cannot load libcuda.so.1',
    '[error] Error initializing output stream 0:0 -- Error while opening encoder for output stream #0:0',
  ],
  ['Error creating a MFX session: -9', '[av1_qsv @ 0x55858629ebc0] [error] Error creating a MFX session: -9.'],
  [
    'Error initializing an internal MFX session: unsupported (-3)',
    '[h264_qsv @ 0x5574] [error] Error initializing an internal MFX session: unsupported (-3)',
  ],
  [
    'No VA display found for device /dev/dri/renderD128',
    '[VAAPI @ 0x55555de67dc0] [error] No VA display found for device /dev/dri/renderD128.', // 9.0
    '[error] Device creation failed: -22.',
  ],
  [
    'Failed to initialise VAAPI connection: -1 (unknown libva error)',
    '[AVHWDeviceContext @ 0x55ca6d404d80] [error] Failed to initialise VAAPI connection: -1 (unknown libva error).',
    "[error] Failed to set value '/dev/dri/renderD128' for option 'vaapi_device': Input/output error",
  ],
  [
    'OpenEncodeSessionEx failed: out of memory (10): (no details)',
    '[h264 @ 0x1] [error] error while decoding MB 1 1, bytestream -5',
    '[hevc_nvenc @ 0x55f45f5f5cc0] [error] OpenEncodeSessionEx failed: out of memory (10): (no details)',
    '[hevc_nvenc @ 0x55f45f5f5cc0] [error] No capable devices found',
    '[vf#0:0 @ 0x5555734a1e40] [error] Error sending frames to consumers: Cannot allocate memory',
  ],
  [
    'dl_fn->cuda_dl->cuInit(0) failed -> CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected',
    '[h264_nvenc @ 0x1] [error] dl_fn->cuda_dl->cuInit(0) failed -> CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected',
  ],
  ['Failed to upload frame: -5', '[Parsed_hwupload_4 @ 0x1] [error] Failed to upload frame: -5.'],
  ['No capable devices found', '[av1_nvenc @ 0x1] [enc:av1_nvenc @ 0x2] [error] No capable devices found'],
]

for (const [text, ...lines] of failures)
  test(`is a failure of the hardware: ${text}`, () => {
    const expected = { code: 'resource.hardware', message: `the hardware encoder failed: ${text}` }
    assert.equal(classify(lines, encoding), expected)
    assert.is.not(classify(lines, { ...encoding, usesHardware: false })?.code, 'resource.hardware')
  })

test('a crash of ffmpeg is a failure of the hardware if it used some; a signal from outside is not', async () => {
  const programs = {} as Programs
  const codeOf = async (signal: NodeJS.Signals, usesHardware: boolean, lines: string[] = []) =>
    (await toEndError({ code: null, signal, error: null }, lines, { programs, usesHardware }))?.code
  for (const signal of ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE'] as const) {
    assert.is(await codeOf(signal, true), 'resource.hardware', signal)
    assert.is(await codeOf(signal, false), 'internal.ffmpeg_signal', signal)
    const memory = '[libx264 @ 0x1] [error] malloc of size 3133440 failed'
    assert.is(await codeOf(signal, true, [memory]), 'resource.memory', signal)
  }
  for (const signal of ['SIGKILL', 'SIGTERM'] as const)
    assert.is(await codeOf(signal, true), 'internal.ffmpeg_signal', signal)
})

test('keeps the code of a source, a disk or a machine at fault', () => {
  const decoding = '[error] Error while decoding stream #0:0: Invalid data found when processing input'
  assert.is(classify([decoding], encoding)?.code, 'input.corrupt')
  const after = '[h264_nvenc @ 0x1] [error] InitializeEncoder failed: generic error (20)'
  assert.is(classify(['[error] out.mp4: No space left on device', after], encoding)?.code, 'resource.disk')
  assert.is(
    classify(['[h264 @ 0x1] [error] get_buffer(): Cannot allocate memory', after], encoding)?.code,
    'resource.memory',
  )
  assert.is(classify(['[h264_nvenc @ 0x1] [warning] Using global_quality with nvenc is deprecated'], encoding), null)
})

test('a run with a hardware encoder keeps the variables of drivers, and limits memory instead of address space', async () => {
  await using folder = await temporaryFolder()
  process.env.LIBVA_DRIVER_NAME = "it's"
  process.env.MEDIAD_TEST_SECRET = 'secret'
  const options = { ffmpegPath: 'ffmpeg', ffprobePath: 'ffprobe', directory: folder.path, memoryBytes: 2 ** 33 }
  const programs = await openPrograms(options)
  delete process.env.LIBVA_DRIVER_NAME
  const [software, hardware] = await Promise.all(
    [programs.ffmpeg, programs.hardwareFfmpeg].map((path) => readFile(path, 'utf8')),
  )
  assert.match(software ?? '', `prlimit --as=${2 ** 33} `)
  assert.not.match(software ?? '', 'LIBVA_DRIVER_NAME')
  assert.match(hardware ?? '', `prlimit --data=${2 ** 33} `)
  assert.match(hardware ?? '', String.raw`env -i PATH="$PATH" LC_ALL=C MALLOC_ARENA_MAX=8 LIBVA_DRIVER_NAME='it'\''s' `)
  for (const text of [software, hardware]) assert.not.match(text ?? '', 'secret')
})

test('no run with a hardware encoder loads a library or a driver from its workspace', () => {
  const given = { LD_LIBRARY_PATH: ':/usr/local/nvidia/lib64::lib;/opt/my lib', LIBVA_DRIVERS_PATH: '.' }
  assert.is(toHardwareEnvironment(given), "LD_LIBRARY_PATH='/usr/local/nvidia/lib64:/opt/my lib' ")
})
