import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { renderKey, toName } from '../../daemon/protocol/keys.ts'
import { JOB, route, source } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const scopeOf = (key: string) => ({
  id: JOB,
  source: { ...source, key },
  route,
  routes: [route] as const,
  statePrefix: '.mediad/',
})

function refusal(act: () => unknown): string {
  try {
    const made = act()
    return assert.unreachable(`made ${String(made)}`) as unknown as string
  } catch (error) {
    if (!(error instanceof MediadError)) throw error
    assert.is(error.code, 'output.key')
    assert.is(error.verdict, 'reject')
    return error.message
  }
}

const test = suite('keys')

test('the names of the old server', () => {
  const scope = scopeOf('origin_holiday.mp4')
  assert.is(renderKey('cvted_{name}.mp4', scope), 'cvted_holiday.mp4')
  assert.is(renderKey('thumb_{name}.jpg', scope), 'thumb_holiday.jpg')
})

test('a name is the key without prefix and extension', () => {
  const names = {
    'origin_holiday.2024.mp4': 'holiday.2024',
    origin_holiday: 'holiday',
    'origin_a/b.mp4': 'a/b',
    'origin_a.b/c': 'a.b/c',
    'origin_a/.mp4': 'a/.mp4',
    'origin_.mp4': '.mp4',
    origin_: '',
    'origin_origin_a.mp4': 'origin_a',
    'origin_a.': 'a',
    'origin_ä ö+%.mp4': 'ä ö+%',
  }
  for (const [key, name] of Object.entries(names)) assert.is(toName(key, 'origin_'), name, key)
})

test('places: name, id, and values of the plugin', () => {
  const values = { n: 7, part: 'b', constructor: 'c' }
  assert.is(renderKey('{id}/{name}-{n}{part}{constructor}.ts', scopeOf('origin_a.mp4'), values), `${JOB}/a-7bc.ts`)
})

test('values cannot stand in for name and id', () => {
  assert.is(renderKey('{id}/{name}', scopeOf('origin_a.mp4'), { id: 'x', name: 'y' }), `${JOB}/a`)
})

test('what is put in is never looked at again', () => {
  for (const name of ['{id}', '{', '}', '{}', '{n}', '$&', '$1', "$'", '$`', '$$', '$<name>', '\\', '{constructor}']) {
    assert.is(renderKey('x_{name}_{n}', scopeOf(`origin_${name}.mp4`), { n: '$&{id}' }), `x_${name}_$&{id}`)
  }
})

test('any name is put in as it is', () => {
  const names = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }).filter((name) => !name.endsWith('/'))
  fc.assert(fc.property(names, (name) => assert.is(renderKey('x_{name}', scopeOf(`origin_${name}.mp4`)), `x_${name}`)))
})

test('a template with an unknown place is refused, and the known ones are named', () => {
  const places = ['{nmae}', '{}', '{ name }', '{constructor}', '{__proto__}', '{toString}']
  for (const place of places) {
    const message = refusal(() => renderKey(`x_${place}`, scopeOf('origin_a.mp4'), { n: 1 }))
    assert.match(message, /known: n, name, id/)
    assert.ok(message.includes(`"${place}"`), message)
  }
})

test('a key under the source or the state prefix is refused', () => {
  assert.match(
    refusal(() => renderKey('origin_{name}.mp4', scopeOf('origin_a.mp4'))),
    /source prefix/,
  )
  assert.match(
    refusal(() => renderKey('{name}.mp4', scopeOf('origin_origin_a.mp4'))),
    /source prefix/,
  )
  assert.match(
    refusal(() => renderKey('.mediad/{name}', scopeOf('origin_a.mp4'))),
    /state prefix/,
  )
  assert.match(
    refusal(() => renderKey('{name}.json', scopeOf(`origin_.mediad/jobs/${JOB}.json`))),
    /state prefix/,
  )
})

test('a key that S3 cannot hold is refused', () => {
  refusal(() => renderKey('{name}', scopeOf('origin_')))
  refusal(() => renderKey('', scopeOf('origin_a.mp4')))
  refusal(() => renderKey('x_{name}', scopeOf(`origin_${'a'.repeat(1023)}`)))
  refusal(() => renderKey('x_{name}', scopeOf(`origin_${'€'.repeat(341)}`)))
  const longest = renderKey('x_{name}', scopeOf(`origin_${'a'.repeat(1022)}`))
  assert.is(longest.length, 1024)
})
