import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { openPrograms, parseCoders } from '../../daemon/programs/programs.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('ffmpeg-programs')

const printVersion = 'echo "$(basename "$0") version 9.9-fake Copyright"'

async function openError(ffmpegPath: string, directory: string, answerSeconds = 60): Promise<MediadError> {
  const error = await openPrograms({ ffmpegPath, ffprobePath: 'ffprobe', directory, answerSeconds }).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  assert.instance(error, MediadError)
  return error as MediadError
}

async function writeProgram(path: string, body: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\n${body}\n`)
  await chmod(path, 0o755)
  return path
}

test('finds, wraps and queries the real programs', async () => {
  await using folder = await temporaryFolder()
  const programs = await openPrograms({ ffmpegPath: 'ffmpeg', ffprobePath: 'ffprobe', directory: folder.path })
  assert.match(programs.version, /^\S+$/)
  assert.is((await stat(programs.ffmpeg)).mode & 0o777, 0o700)
  const encoders = await programs.encoders()
  assert.ok(encoders.has('libx264') && encoders.has('aac') && !encoders.has('='))
})

test('a program at any path gets its arguments and an empty environment', async () => {
  await using folder = await temporaryFolder()
  const seen = join(folder.path, 'seen')
  const body = `[ "$1" = -version ] || { env > '${seen}'; printf '<%s>' "$@" >> '${seen}'; }; echo "ffmpeg version 9.9-fake"`
  const ffmpegPath = await writeProgram(join(folder.path, `it's $HOME "ff"`), body)
  process.env.MEDIAD_TEST_SECRET = 'secret'
  const programs = await openPrograms({ ffmpegPath, ffprobePath: 'ffprobe', directory: folder.path })
  assert.is(programs.version, '9.9-fake')
  await programs.encoders()
  const text = await readFile(seen, 'utf8')
  assert.not.match(text, 'secret')
  assert.match(text, /<-hide_banner><-encoders>$/)
})

test('reports a missing program as a config error, with what to do', async () => {
  await using folder = await temporaryFolder()
  for (const path of ['no-such-ffmpeg', join(folder.path, 'nothing'), folder.path]) {
    const error = await openError(path, folder.path)
    assert.is(error.code, 'config.ffmpeg')
    assert.match(error.message, 'install ffmpeg')
    assert.match(error.message, path)
  }
})

test('rejects a program that prints garbage, fails, or is another program', async () => {
  await using folder = await temporaryFolder()
  for (const body of ['head -c 1000 /dev/urandom', 'exit 3', 'echo ffprobe version 5.1', 'yes | head -c 5000000']) {
    const error = await openError(await writeProgram(join(folder.path, 'fake'), body), folder.path)
    assert.is(error.code, 'config.ffmpeg')
  }
})

test('rejects and ends a program that hangs', async () => {
  await using folder = await temporaryFolder()
  const ffmpegPath = await writeProgram(join(folder.path, 'fake'), 'exec tail -f /dev/null')
  assert.match((await openError(ffmpegPath, folder.path, 1)).message, 'does not answer within 1 s')
})

test('reports a program that hangs in a later query as hanging, not as lacking filters', async () => {
  await using folder = await temporaryFolder()
  const body = '[ "$1" = -version ] || exec tail -f /dev/null; echo "ffmpeg version 9.9-fake"'
  const ffmpegPath = await writeProgram(join(folder.path, 'fake'), body)
  const options = { ffmpegPath, ffprobePath: 'ffprobe', directory: folder.path, answerSeconds: 2 }
  const queried = openPrograms(options).then(({ filters }) => filters())
  const error = await queried.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  assert.instance(error, MediadError)
  assert.match((error as MediadError).message, 'does not answer within 2 s')
})

test('rejects a version that is too old, with the version found, the version needed and what to do', async () => {
  await using folder = await temporaryFolder()
  const body = 'echo "ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright"'
  const { code, message } = await openError(await writeProgram(join(folder.path, 'old'), body), folder.path)
  assert.is(code, 'config.ffmpeg')
  assert.match(
    message,
    /old" is ffmpeg 4\.4\.2-0ubuntu0\.22\.04\.1; mediad needs 5\.1 or newer: install a newer ffmpeg/,
  )
})

test('rejects an ffprobe that is too old', async () => {
  await using folder = await temporaryFolder()
  const ffprobePath = await writeProgram(join(folder.path, 'old'), 'echo "ffprobe version 5.0.1"')
  const error = await openPrograms({ ffmpegPath: 'ffmpeg', ffprobePath, directory: folder.path }).then(
    () => null,
    (thrown: unknown) => thrown as MediadError,
  )
  assert.match(error?.message ?? '', /is ffprobe 5\.0\.1; mediad needs 5\.1/)
})

test('accepts a build of a git snapshot', async () => {
  await using folder = await temporaryFolder()
  const body = 'echo "ffmpeg version N-118000-g0123abcdef Copyright"'
  const ffmpegPath = await writeProgram(join(folder.path, 'snapshot'), body)
  const programs = await openPrograms({ ffmpegPath, ffprobePath: 'ffprobe', directory: folder.path })
  assert.is(programs.version, 'N-118000-g0123abcdef')
  assert.not.match(programs.probeVersion, 'N-118000')
})

test('queries a list again after a failure, and caches it after a success', async () => {
  await using folder = await temporaryFolder()
  const seen = join(folder.path, 'seen')
  const body = `[ "$1" = -version ] && { echo "ffmpeg version 9.9-fake"; exit; }
echo request >> '${seen}'
[ "$(wc -l < '${seen}')" = 1 ] && exit 1
echo ' V....D libx264 H.264'`
  const ffmpegPath = await writeProgram(join(folder.path, 'fake'), body)
  const programs = await openPrograms({ ffmpegPath, ffprobePath: 'ffprobe', directory: folder.path })
  const failed = await programs.decoders().then(
    () => null,
    (thrown: unknown) => thrown as MediadError,
  )
  assert.match(failed?.message ?? '', 'it does not list its decoders')
  for (let time = 0; time < 2; time++) assert.equal([...(await programs.decoders())], ['libx264'])
  assert.is((await readFile(seen, 'utf8')).trim().split('\n').length, 2)
})

test('reports a missing ffprobe', async () => {
  await using folder = await temporaryFolder()
  const ffmpegPath = await writeProgram(join(folder.path, 'ff'), printVersion.replace('$(basename "$0")', 'ffmpeg'))
  const opened = openPrograms({ ffmpegPath, ffprobePath: 'no-such-ffprobe', directory: folder.path })
  const error = await opened.then(
    () => null,
    (thrown: unknown) => thrown as MediadError,
  )
  assert.is(error?.code, 'config.ffmpeg')
  assert.match(error?.message ?? '', 'no-such-ffprobe')
})

test('parses the list of encoders', () => {
  const text = `Encoders:\n V..... = Video\n A..... = Audio\n ------\n V....D libx264              libx264 H.264 (codec h264)\n A..X.. opus                 Opus\n`
  assert.equal([...parseCoders(text)], ['libx264', 'opus'])
})
