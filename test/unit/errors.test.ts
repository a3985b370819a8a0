import * as assert from 'uvu/assert'
import { errorCodes, MediadError, toMediadError } from '../../daemon/vocabulary/errors.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('errors')

test('a known code brings its verdict, whatever is asked', () => {
  assert.is(new MediadError('input.not_media', 'x', { verdict: 'retry' }).verdict, 'reject')
})

test('an unknown code is retried unless it says otherwise', () => {
  assert.is(new MediadError('watermark.no_logo', 'x').verdict, 'retry')
  assert.is(new MediadError('watermark.no_logo', 'x', { verdict: 'reject' }).verdict, 'reject')
})

test('a name of Object.prototype is no known code', () => {
  assert.is(new MediadError('constructor', 'x').verdict, 'retry')
})

test('whatever is thrown becomes an error with a code, a message and its cause', () => {
  for (const thrown of [new TypeError('boom'), 'boom', 7, null, undefined, { a: 1 }]) {
    const error = toMediadError(thrown, 'internal.plugin')
    assert.is(error.code, 'internal.plugin')
    assert.type(error.message, 'string')
    assert.is(error.cause, thrown)
  }
})

test('an error of another copy of mediad is one of ours', async () => {
  const again = `${import.meta.resolve('../../daemon/vocabulary/errors.ts')}?copy`
  const copy = (await import(again)) as typeof import('../../daemon/vocabulary/errors.ts')
  const theirs = new copy.MediadError('mine.nope', 'x', { verdict: 'reject' })
  assert.ok(theirs instanceof MediadError)
  assert.is(toMediadError(theirs, 'internal.plugin'), theirs)
  assert.not.ok(new Error('x') instanceof MediadError)
})

test('codes are lower case, of a family and a name', () => {
  for (const code of Object.keys(errorCodes)) assert.match(code, /^[a-z]+\.[a-z_]+$/)
})
