import * as assert from 'uvu/assert'
import { errorCodes, MediadError, toMediadError } from '../../daemon/vocabulary/errors.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('errors')

test('ignores the verdict option for a known code', () => {
  assert.is(new MediadError('input.not_media', 'x', { verdict: 'retry' }).verdict, 'reject')
})

test('uses the verdict option for an unknown code, or retry', () => {
  assert.is(new MediadError('watermark.no_logo', 'x').verdict, 'retry')
  assert.is(new MediadError('watermark.no_logo', 'x', { verdict: 'reject' }).verdict, 'reject')
})

test('does not treat a name of Object.prototype as a known code', () => {
  assert.is(new MediadError('constructor', 'x').verdict, 'retry')
})

test('converts anything thrown to an error with a code, a message and the cause', () => {
  for (const thrown of [new TypeError('boom'), 'boom', 7, null, undefined, { a: 1 }]) {
    const error = toMediadError(thrown, 'internal.plugin')
    assert.is(error.code, 'internal.plugin')
    assert.type(error.message, 'string')
    assert.is(error.cause, thrown)
  }
})

test('recognizes an error of another copy of mediad', async () => {
  const url = `${import.meta.resolve('../../daemon/vocabulary/errors.ts')}?copy`
  const copy = (await import(url)) as typeof import('../../daemon/vocabulary/errors.ts')
  const foreign = new copy.MediadError('plugin.failed', 'x', { verdict: 'reject' })
  assert.ok(foreign instanceof MediadError)
  assert.is(toMediadError(foreign, 'internal.plugin'), foreign)
  assert.not.ok(new Error('x') instanceof MediadError)
})

test('has codes of a family and a name in lower case', () => {
  for (const code of Object.keys(errorCodes)) assert.match(code, /^[a-z]+\.[a-z_]+$/)
})
