import * as assert from 'uvu/assert'
import { explainShortPrefix, isIdPrefix, pickId, toShortIds } from '../../daemon/operate/names.ts'
import { toMessage } from '../../daemon/vocabulary/errors.ts'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { deadJob, id as deadId, isDead, noJob, prepareDead } from '../helpers/dead-queue.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('names')
const ids = ['25acb7c3efc6b2fd61d98521794c692d', '25acb7c3efc6ffffffffffffffffffff', 'ffffb7c3efc6b2fd61d98521794c692d']

test('shortens ids to unique prefixes of one length, 8 digits at least', () => {
  const shorten = toShortIds(ids)
  assert.equal(ids.map(shorten), ['25acb7c3efc6b', '25acb7c3efc6f', 'ffffb7c3efc6b'])
  assert.equal([ids[0] ?? '', ids[2] ?? ''].map(toShortIds([ids[0] ?? '', ids[2] ?? ''])), ['25acb7c3', 'ffffb7c3'])
  assert.is(toShortIds(['m1', 'm1'])('m1'), 'm1')
})

test('every shortened id selects its job, and no other', () => {
  const shorten = toShortIds(ids)
  for (const id of ids) assert.is(pickId(shorten(id), { ids, bucket: 'media' }), id)
})

test('takes a name that no id starts with as the key of a source', () => {
  assert.is(pickId('origin_a.mp4', { ids, bucket: 'media' }), toJobId('media', 'origin_a.mp4'))
  assert.is(pickId('abcd', { ids, bucket: 'media' }), toJobId('media', 'abcd'))
})

test('rejects a prefix of several ids, and lists them', () => {
  assert.throws(
    () => pickId('25acb7c3efc6', { ids, bucket: 'media' }),
    (error: Error & { code?: string }) =>
      error.code === 'job.ambiguous' && ids.slice(0, 2).every((id) => error.message.includes(id)),
  )
})

test('recognizes prefixes of ids: 4 hexadecimal digits or more, not a complete id', () => {
  assert.equal(['25ac', '25acb7c3-ef', '25a', 'origin_a.mp4', ids[0] ?? '', '25AC'].map(isIdPrefix), [
    true,
    true,
    false,
    false,
    false,
    false,
  ])
})

test('explains a prefix that is too short', () => {
  for (const name of ['2', '25a', 'a-1']) assert.match(explainShortPrefix(name), /at least 4 characters/)
  for (const name of ['25ac', 'xyz', '']) assert.is(explainShortPrefix(name), '')
})

test('a unique prefix selects a job or a message, with or without a document', async () => {
  for (const is of [isDead, undefined]) {
    const { dead } = prepareDead([deadJob(3), noJob], is)
    assert.equal(
      (await dead.list({ name: deadId.slice(0, 8) })).map((item) => item.id),
      [deadId],
    )
  }
  const { dead, messages } = prepareDead([deadJob(3), noJob], isDead)
  assert.is((await dead.drop({ name: deadId.slice(0, 4) }))[0]?.id, deadId)
  assert.equal([...messages.keys()], ['m2'])
})

test('a prefix of two ids selects neither, and all messages are returned', async () => {
  const { job, ...rest } = deadJob(1)
  assert.ok(job)
  const other = { ...rest, job: { ...job, id: `${deadId.slice(0, 31)}${deadId.endsWith('0') ? '1' : '0'}` } }
  const { dead, messages, hidden } = prepareDead([deadJob(3), other], isDead)
  const thrown: unknown = await dead.drop({ name: deadId.slice(0, 8) }).catch((error: unknown) => error)
  assert.match(toMessage(thrown), 'several ids start with')
  assert.equal([messages.size, hidden.size], [2, 0])
})
