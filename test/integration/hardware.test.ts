/** Hardware encoders with the real ffmpeg on a machine without a GPU, and with a stand-in that acts as one with a GPU does. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { createFfmpegChecks } from '../../daemon/lifecycle/ffmpeg-checks.ts'
import type { Plugin } from '../../daemon/vocabulary/plugin.ts'
import { MediadError, toMessage } from '../../daemon/vocabulary/errors.ts'
import { openPrograms } from '../../daemon/programs/programs.ts'
import { transcode, upload } from '../../plugins/index.ts'
import { videoCodecs } from '../../plugins/transcode/codecs.ts'
import { families, toHardwareCall } from '../../plugins/transcode/encoder/hardware.ts'
import { createTestLog, withRun } from '../helpers/context.ts'
import { makeConfig } from '../helpers/edge.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const run = promisify(execFile)
const test = suite('hardware encoders')
const hasGpu = existsSync('/dev/nvidiactl') || existsSync('/dev/dri')
const withoutGpu = (title: string, body: () => Promise<void>): void => {
  if (hasGpu) test.skip(title, 'this machine has a GPU')
  else test.exhaustive(title, body)
}

/** ffmpeg's messages for an encoder whose GPU has no session left, from public reports. */
const exhausted = [
  '[h264_nvenc @ 0x55f45f5f5cc0] [error] OpenEncodeSessionEx failed: out of memory (10): (no details)',
  '[h264_nvenc @ 0x55f45f5f5cc0] [error] No capable devices found',
]

/**
 * Writes a program that runs ffmpeg with software in place of QSV and, until a file `broken` exists, of NVENC. Then NVENC
 * prints the messages and leaves a partial output. VA-API is ffmpeg's own.
 */
async function writeStandIn(folder: string, messages: readonly string[] = exhausted): Promise<string> {
  const path = join(folder, 'stand-in')
  const prints = messages.map((message) => `echo '${message}' >&2`).join('; ')
  const text = `#!/bin/bash
echo "$*" >> '${folder}/commands'
given=("$@")
for n in "\${!given[@]}"; do case "\${given[n]}" in
  h264_nvenc) [ -e '${folder}/broken' ] && { ${prints}; exit 1; }; given[n]=libx264;;
  h264_qsv) given[n]=libx264;;
  -forced_idr) given[n]=-forced-idr;;
  -tune) given[n]=-strict; given[n+1]=0;;
  -rc) given[n]=-strict; given[n+1]=0;;
  -cq) given[n]=-crf;;
  p5) given[n]=ultrafast;;
esac; done
exec ffmpeg "\${given[@]}"
`
  await writeFile(path, text)
  await chmod(path, 0o755)
  return path
}

/** Runs the checks of a start, and returns what the check of hardware reports. */
async function check(given: Plugin | readonly Plugin[], folder: string, ffmpegPath = 'ffmpeg') {
  const programs = await openPrograms({ ffmpegPath, ffprobePath: 'ffprobe', directory: folder, memoryBytes: 2 ** 33 })
  const config = makeConfig({ plugins: [...[given].flat(), upload()] })
  const checks = createFfmpegChecks({ config, openPrograms: async () => programs, log: createTestLog() })
  const warnings: string[] = []
  const runCheck = async (name: string) =>
    await checks.find((one) => one.name === name)?.run((message) => warnings.push(message))
  return {
    trial: await runCheck('trial run').catch((error: unknown) => error),
    found: await runCheck('hardware').catch(toMessage),
    warnings,
  }
}

const large = { seconds: 1, width: 320, height: 256 }
const reencoding = { copy: 'never', preset: 'ultrafast' } as const

withoutGpu('without a GPU, `auto` transcodes in software, and the check and the job say why', async () => {
  await using folder = await temporaryFolder()
  const plugin = transcode({ hardware: 'auto', ...reencoding })
  const { found = '', warnings } = await check(plugin, folder.path)
  const reasons =
    /h264_nvenc: Cannot load libcuda\.so\.1; h264_qsv: Error \w+ an? (?:internal )?MFX session: .*-\d\)?; h264_vaapi: No VA display found/
  assert.match(found, reasons)
  assert.is(warnings.length, 1)
  assert.match(warnings[0] ?? '', /^no hardware encoder for h264 works, so it is encoded in software: /)
  await withRun({ plugin, video: large }, ({ context }) => {
    assert.is(context.commands.length, 1)
    assert.match(context.commands[0]?.outputs[0]?.options.join(' ') ?? '', '-c:v libx264')
    assert.is(context.warnings.length, 1)
    assert.match(context.warnings[0] ?? '', reasons)
  })
})

withoutGpu('without a GPU, a named hardware encoder is an error at start that says why', async () => {
  await using folder = await temporaryFolder()
  const { trial, found } = await check(transcode({ hardware: 'nvenc' }), folder.path)
  assert.instance(trial, MediadError)
  assert.is((trial as MediadError).code, 'config.ffmpeg')
  assert.match(
    (trial as MediadError).message,
    /trial run of h264_nvenc \(for transcode\): the hardware encoder failed: Cannot load libcuda\.so\.1\. Install the driver/,
  )
  assert.is(found, 'not known, because the trial run failed')
})

withoutGpu('a GPU that is gone in mid-job costs one warning, and the job succeeds in software', () =>
  withRun({ plugin: transcode({ hardware: 'vaapi', ...reencoding }), video: large }, ({ context }) => {
    assert.equal(context.warnings, [
      'the video was encoded in software instead of with h264_vaapi: the hardware encoder failed: No VA display found for device /dev/dri/renderD128',
    ])
    assert.is(context.commands.length, 2)
    assert.is(context.artifacts.length, 1)
  }),
)

/** Options that every encoder has; `ffmpeg -h encoder=…` lists only its own. */
const general = new Set(['-b:v', '-g', '-global_quality', '-profile:v'])

test.exhaustive('this ffmpeg knows every option and value for its hardware encoders', async () => {
  await using folder = await temporaryFolder()
  const programs = await openPrograms({ ffmpegPath: 'ffmpeg', ffprobePath: 'ffprobe', directory: folder.path })
  const available = await programs.encoders()
  const wanted = (['h264', 'hevc', 'av1'] as const).flatMap((codec) => families.map((family) => ({ codec, family })))
  const known = wanted.filter(({ codec, family }) => available.has(`${codec}_${family}`))
  assert.ok(known.length >= 6, 'a build without hardware encoders')
  for (const { codec, family } of known) {
    const { preset, crf } = videoCodecs[codec]
    const quality = { codec, crf: crf.default, preset: preset.allowed.at(-1) ?? '' }
    const { encoder, options } = toHardwareCall(
      { family, device: '0' },
      quality,
      codec === 'h264' ? {} : { mastering: {} },
    )
    const { stdout } = await run('ffmpeg', ['-hide_banner', '-h', `encoder=${encoder}`])
    for (const [at, option] of options.entries()) {
      const isName = at % 2 === 0
      if (isName && !general.has(option)) assert.match(stdout, new RegExp(`^  ${option} `, 'm'), encoder)
      if (!isName && /^[a-zA-Z]/.test(option)) assert.match(stdout, new RegExp(`^     ${option} `, 'm'), encoder)
    }
  }
})

test('takes the first hardware encoder that works, and software once it fails', async () => {
  await using folder = await temporaryFolder()
  const ffmpegPath = await writeStandIn(folder.path)
  const plugin = transcode({ hardware: 'auto', copy: 'never' })
  const another = transcode({ hardware: 'auto', crf: 30, key: 'small_{name}.mp4' })
  const { found, warnings } = await check([plugin, another], folder.path, ffmpegPath)
  assert.match(found ?? '', /^h264_nvenc: works; h264_qsv: works; h264_vaapi: [^;]+$/)
  assert.equal(warnings, [])
  await writeFile(join(folder.path, 'broken'), '')
  await withRun({ plugin, video: large, ffmpegPath }, ({ context }) => {
    assert.equal(context.warnings, [
      'the video was encoded in software instead of with h264_nvenc: the hardware encoder failed: OpenEncodeSessionEx failed: out of memory (10): (no details)',
    ])
    const encoders = context.commands.map(({ outputs }) => / -c:v (\S+)/.exec(outputs[0]?.options.join(' ') ?? '')?.[1])
    assert.equal(encoders, ['h264_nvenc', 'libx264'])
  })
})

test.exhaustive('does not repeat in software what failed because of the source or the machine', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'broken'), '')
  for (const [line, code] of [
    ['[error] Error while decoding stream #0:0: Invalid data found when processing input', 'input.corrupt'],
    ['[error] av_interleaved_write_frame(): No space left on device', 'resource.disk'],
    ['[error] Error while filtering: Cannot allocate memory', 'resource.memory'],
  ] as const) {
    const ffmpegPath = await writeStandIn(folder.path, [line])
    const plugin = transcode({ hardware: 'nvenc', copy: 'never' })
    const ran = withRun({ plugin, video: large, ffmpegPath }, () => undefined)
    const error = await ran.then(
      () => null,
      (thrown: unknown) => thrown as MediadError,
    )
    assert.is(error?.code, code)
  }
  const runs = (await readFile(join(folder.path, 'commands'), 'utf8')).split('\n').filter((line) => / -c:v /.test(line))
  assert.is(runs.length, 3)
})
