import * as assert from 'uvu/assert'
import { withReleasers } from '../../daemon/vocabulary/releasers.ts'
import { turn } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

async function thrown(act: () => Promise<unknown>): Promise<unknown> {
  return act().then(
    () => assert.unreachable('nothing was thrown'),
    (error: unknown) => error,
  )
}

const messages = (error: unknown) => (error as AggregateError).errors.map(({ message }: Error) => message)
const fail = (message: string) => () => {
  throw new Error(message)
}

const test = suite('releasers')

test('releases in reverse order, one after the other', async () => {
  const done: string[] = []
  const releasers = await withReleasers(async (push) => {
    for (const name of ['a', 'b', 'c']) {
      push(name, async () => {
        done.push(`${name} started`)
        await turn()
        done.push(`${name} finished`)
      })
    }
  })
  assert.equal(done, [])
  await releasers.release()
  assert.equal(done, ['c started', 'c finished', 'b started', 'b finished', 'a started', 'a finished'])
})

test('releases once for any number of concurrent and later calls', async () => {
  let count = 0
  const releasers = await withReleasers(async (push) => push('it', () => turn().then(() => count++)))
  await Promise.all([releasers.release(), releasers.release()])
  await releasers.release()
  assert.is(count, 1)
})

test('runs all releases, and throws the errors of those that fail together, with their names', async () => {
  const done: string[] = []
  const releasers = await withReleasers(async (push) => {
    push('the first', fail('1'))
    push('the second', () => done.push('2'))
    push('the third', async () => fail('3')())
  })
  const error = await thrown(releasers.release)
  assert.equal(done, ['2'])
  assert.instance(error, AggregateError)
  assert.equal(messages(error), ['could not release the third', 'could not release the first'])
  const causes = (error as AggregateError).errors.map(({ cause }: Error) => (cause as Error).message)
  assert.equal(causes, ['3', '1'])
  assert.match((error as Error).message, /the third.*the first/)
})

test('throws the same error at every call', async () => {
  const releasers = await withReleasers(async (push) => push('it', fail('no')))
  assert.is(await thrown(releasers.release), await thrown(releasers.release))
})

test('releases what was acquired when acquiring fails, and throws its error', async () => {
  const done: string[] = []
  const failure = new Error('no port')
  const error = await thrown(() =>
    withReleasers(async (push) => {
      push('a', () => done.push('a'))
      push('b', () => done.push('b'))
      throw failure
    }),
  )
  assert.is(error, failure)
  assert.equal(done, ['b', 'a'])
})

test('throws both errors when acquiring and a release fail', async () => {
  const failure = new Error('no port')
  const error = await thrown(() =>
    withReleasers(async (push) => {
      push('the plugins', fail('stuck'))
      throw failure
    }),
  )
  assert.instance(error, AggregateError)
  assert.is((error as Error).message, 'no port')
  assert.is((error as AggregateError).errors[0], failure)
  assert.match(messages(error)[1] ?? '', /the plugins/)
})

test('releases nothing when nothing was acquired', async () => {
  const releasers = await withReleasers(async () => undefined)
  await releasers.release()
  assert.is(await thrown(() => withReleasers(async () => fail('x')())).then((error) => (error as Error).message), 'x')
})
