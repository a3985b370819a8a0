import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { readFileSize } from '../../daemon/cli/local-chain.ts'
import { describeFailure } from '../../daemon/cli/run.ts'
import { PluginFailure } from '../../daemon/pipeline/chain.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { rejection } from '../helpers/fakes.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('the output of mediad run')

test('shows what the failed program printed, without control characters', () => {
  const error = new MediadError('internal.ffmpeg', 'ffmpeg failed', { stderr: ['[error] first', 'last \u001B[31m'] })
  const [line, fields] = describeFailure('a.mp4', new PluginFailure('transcode', error, []))
  assert.match(line, /^a\.mp4: internal\.ffmpeg: transcode: ffmpeg failed\n {2}\[error\] first\n {2}last /)
  assert.not.match(line, '\u001B')
  assert.equal([fields.plugin, fields.code, fields.ok], ['transcode', 'internal.ffmpeg', false])
  assert.equal(fields.stderr, error.stderr)
})

test('shows the stack of what a plugin threw, but none for an error with a code', () => {
  const [line, { stack }] = describeFailure('a.mp4', new PluginFailure('clip', new Error('broken'), []))
  assert.match(line, /^a\.mp4: internal\.plugin: clip: broken\n {2}at /)
  assert.match(String(stack), 'run-output.test.ts')
  const coded = describeFailure('a.mp4', new MediadError('input.empty', 'a.mp4 is empty'))
  assert.equal(coded, [
    'a.mp4: input.empty: a.mp4 is empty',
    { file: 'a.mp4', ok: false, code: 'input.empty', problem: 'a.mp4 is empty' },
  ])
})

test('says plainly that a path is missing or a folder', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'video.mp4'), 'data')
  await mkdir(join(folder.path, 'videos'))
  assert.is(await readFileSize(join(folder.path, 'video.mp4')), 4)
  for (const [path, message] of [
    ['missing.mp4', /there is no such file/],
    ['video.mp4/inside', /there is no such file/],
    ['videos', /it is a folder: name the files in it, such as .*videos\/\*/],
  ] as const) {
    const error = (await rejection(readFileSize(join(folder.path, path)))) as MediadError
    assert.is(error.code, 'input.not_file')
    assert.match(error.message, message)
  }
})
