import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { createVersion, renderKey, toName } from '../../daemon/protocol/keys.ts'
import { JOB, route, source } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const scopeOf = (key: string) => ({
  id: JOB,
  source: { ...source, key },
  route,
  routes: [route] as const,
  version: 'v1',
  statePrefix: '.mediad/',
})

/** Returns the message of the `output.key` error that `act` throws. */
function keyError(act: () => unknown): string {
  try {
    const key = act()
    return assert.unreachable(`returned ${String(key)}`) as unknown as string
  } catch (error) {
    if (!(error instanceof MediadError)) throw error
    assert.is(error.code, 'output.key')
    assert.is(error.verdict, 'reject')
    return error.message
  }
}

const test = suite('keys')

test('renders the default keys', () => {
  const scope = scopeOf('origin_holiday.mp4')
  assert.is(renderKey('cvted_{name}.mp4', scope), 'cvted_holiday.mp4')
  assert.is(renderKey('thumb_{name}.jpg', scope), 'thumb_holiday.jpg')
})

test('removes prefix and extension from the key for {name}', () => {
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

test('renders {name}, {id} and the values of a plugin', () => {
  const values = { n: 7, part: 'b', constructor: 'c' }
  assert.is(renderKey('{id}/{name}-{n}{part}{constructor}.ts', scopeOf('origin_a.mp4'), values), `${JOB}/a-7bc.ts`)
})

test('does not let values replace {name} and {id}', () => {
  assert.is(renderKey('{id}/{name}', scopeOf('origin_a.mp4'), { id: 'x', name: 'y' }), `${JOB}/a`)
})

test('does not render inserted text again', () => {
  for (const name of ['{id}', '{', '}', '{}', '{n}', '$&', '$1', "$'", '$`', '$$', '$<name>', '\\', '{constructor}']) {
    assert.is(renderKey('x_{name}_{n}', scopeOf(`origin_${name}.mp4`), { n: '$&{id}' }), `x_${name}_$&{id}`)
  }
})

test('inserts any name unchanged', () => {
  const names = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }).filter((name) => !name.endsWith('/'))
  fc.assert(fc.property(names, (name) => assert.is(renderKey('x_{name}', scopeOf(`origin_${name}.mp4`)), `x_${name}`)))
})

test('rejects a template with an unknown placeholder, and lists the known ones', () => {
  const placeholders = ['{nmae}', '{}', '{ name }', '{constructor}', '{__proto__}', '{toString}']
  for (const placeholder of placeholders) {
    const message = keyError(() => renderKey(`x_${placeholder}`, scopeOf('origin_a.mp4'), { n: 1 }))
    assert.match(message, /known: n, name, id/)
    assert.ok(message.includes(`"${placeholder}"`), message)
  }
})

test('rejects a key under the source or the state prefix', () => {
  assert.match(
    keyError(() => renderKey('origin_{name}.mp4', scopeOf('origin_a.mp4'))),
    /source prefix/,
  )
  assert.match(
    keyError(() => renderKey('{name}.mp4', scopeOf('origin_origin_a.mp4'))),
    /source prefix/,
  )
  assert.match(
    keyError(() => renderKey('.mediad/{name}', scopeOf('origin_a.mp4'))),
    /state prefix/,
  )
  assert.match(
    keyError(() => renderKey('{name}.json', scopeOf(`origin_.mediad/jobs/${JOB}.json`))),
    /state prefix/,
  )
})

test('rejects a key that is empty or longer than 1,024 bytes', () => {
  keyError(() => renderKey('{name}', scopeOf('origin_')))
  keyError(() => renderKey('', scopeOf('origin_a.mp4')))
  keyError(() => renderKey('x_{name}', scopeOf(`origin_${'a'.repeat(1023)}`)))
  keyError(() => renderKey('x_{name}', scopeOf(`origin_${'€'.repeat(341)}`)))
  const longest = renderKey('x_{name}', scopeOf(`origin_${'a'.repeat(1022)}`))
  assert.is(longest.length, 1024)
})

test('{version} is another text for each attempt, and safe in a URL', () => {
  assert.is(renderKey('hls_{name}/{version}/a.mp4', scopeOf('origin_a.mp4')), 'hls_a/v1/a.mp4')
  const versions = Array.from({ length: 100 }, createVersion)
  assert.is(new Set(versions).size, 100)
  assert.ok(versions.every((version) => /^[0-9a-f]{16}$/.test(version)))
})
