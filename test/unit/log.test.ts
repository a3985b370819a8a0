import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { createLog, type LogOptions } from '../../daemon/log/log.ts'
import { createPretty } from '../../daemon/log/pretty.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('log')

function capture(options: Omit<LogOptions, 'destination'> = {}) {
  const written: string[] = []
  const log = createLog({ ...options, destination: { write: (text) => written.push(text) } })
  return {
    log,
    written,
    text: () => written.join(''),
    entries: () => written.map((line) => JSON.parse(line) as Entry),
  }
}

/** Returns the options for text for people, or for JSON. */
const toForm = (pretty: boolean): LogOptions => (pretty ? { format: createPretty(false) } : {})

type Entry = Record<string, unknown> & { reason?: Error; problems?: Error[]; error?: Error; many?: AggregateError }

const evil = 'origin_a.mp4\n[00:00:00.000] INFO: forged\r\u001B[2J\u0007\u009B31m\u2028\u202Eb'

test('an entry is one line of JSON with level, time, fields and message', () => {
  const { log, written, entries } = capture()
  log.child({ job: 'j1' }).child({ plugin: 'p' }).warn({ n: 1 }, 'slow')
  log.info('started')
  const [first, second] = entries()
  assert.ok(written.every((line) => line.endsWith('\n')))
  assert.ok(!Number.isNaN(Date.parse(String(first?.time))))
  assert.equal({ ...first, time: '' }, { level: 'warn', time: '', job: 'j1', plugin: 'p', n: 1, msg: 'slow' })
  assert.equal({ ...second, time: '' }, { level: 'info', time: '', msg: 'started' })
})

test('a field is written once, although a child has it too', () => {
  const { log, written, entries } = capture()
  const child = log.child({ job: 'j1', attempt: 2 }).child({ attempt: 2, plugin: 'p' })
  child.info({ attempt: 2, job: 'j1', n: 1 }, 'same')
  child.info({ attempt: 7 }, 'another value')
  assert.equal(
    written.map((line) => line.match(/"attempt_?":/g)),
    [['"attempt":'], ['"attempt":', '"attempt_":']],
  )
  const [same, other] = entries()
  assert.equal(
    { ...same, time: '' },
    { level: 'info', time: '', job: 'j1', attempt: 2, plugin: 'p', n: 1, msg: 'same' },
  )
  const expected = { level: 'info', time: '', job: 'j1', attempt: 2, plugin: 'p', attempt_: 7, msg: 'another value' }
  assert.equal({ ...other, time: '' }, expected)
})

test('entries below the configured level are not written', () => {
  const { log, written } = capture({ level: 'warn' })
  log.debug('a')
  log.info('b')
  log.error('c')
  assert.is(written.length, 1)
  const debug = capture({ level: 'debug' })
  debug.log.debug('a')
  assert.is(debug.written.length, 1)
})

for (const pretty of [false, true]) {
  const form = pretty ? 'pretty' : 'JSON'

  test(`control characters in values, names, messages and errors cannot forge an entry (${form})`, () => {
    const { log, text, written } = capture(toForm(pretty))
    log.child({ key: evil }).info({ [evil]: 1, list: [evil], deep: { key: evil } }, evil)
    log.info(evil)
    log.error({ error: new MediadError('input.corrupt', evil, { cause: new Error(evil) }) }, 'failed')
    assert.is(written.length, 3)
    assert.not.match(text().replaceAll('\n', ''), /[\p{Cc}\u2028\u2029\u202E]/u)
    const starts = pretty ? /^\[/ : /^\{"level":/
    const lines = text().trimEnd().split('\n')
    assert.is(lines.filter((line) => starts.test(line)).length, 3)
    // Every other line is indented, so it belongs to the entry above.
    assert.ok(lines.every((line) => starts.test(line) || line.startsWith(' ')))
    assert.not.match(text(), /^\[00:00:00\.000\]/m)
  })

  test(`secrets are redacted (${form})`, () => {
    const { log, text } = capture(toForm(pretty))
    const url =
      'http://s3/media/k?X-Amz-Credential=AKIDSECRET%2F20260101&X-Amz-Date=20260101&X-Amz-Security-Token=TOKENSECRET&X-Amz-Signature=5ec2e7aa&x-id=PutObject'
    const credentials = {
      accessKeyId: 'AKIDPUBLIC',
      secretAccessKey: 'wJalrSECRET/K7+x=',
      sessionToken: 'SESSIONSECRET',
    }
    log.info({ url, nested: [{ url }] }, `put ${url}`)
    log.info({ config: { credentials } }, JSON.stringify(credentials))
    log.error({ error: new Error(`cannot sign ${url}`, { cause: new Error(`with secretAccessKey: 'wJalrSECRET'`) }) })
    log.child({ url }).info({ env: 'AWS_SECRET_ACCESS_KEY=wJalrSECRET', encoded: 'X-Amz-Signature%3D5ec2e7aa' })
    assert.not.match(text(), /SECRET(?!_)|5ec2e7aa/)
    assert.match(text(), /X-Amz-Date=20260101/)
    assert.match(text(), /AKIDPUBLIC/)
    assert.match(text(), /x-id=PutObject/)
  })

  test(`errors are written with code, verdict and causes (${form})`, () => {
    const { log, text } = capture(toForm(pretty))
    const cause = Object.assign(new TypeError('socket hang up'), { code: 'ECONNRESET' })
    log.error(
      { error: new MediadError('transient.storage', 'S3 did not answer', { cause, stderr: ['last lines'] }) },
      'failed',
    )
    for (const part of [
      'MediadError',
      'transient.storage',
      'retry',
      'S3 did not answer',
      'last lines',
      'TypeError',
      'socket hang up',
      'ECONNRESET',
      'log.test.ts',
    ])
      assert.ok(text().includes(part), `${part} in ${text()}`)
  })
}

test('errors are described in any field, in lists and as the only argument', () => {
  const { log, entries } = capture()
  log.warn({ reason: new Error('one'), problems: [new Error('two'), 3] }, 'x')
  log.error(new Error('three'))
  const [first, second] = entries()
  assert.is(first?.reason?.message, 'one')
  assert.is(first?.problems?.[0]?.message, 'two')
  assert.is(second?.error?.message, 'three')
  assert.is(second?.msg, 'three')
})

test('circular causes end, and other types of values are kept', () => {
  const { log, entries } = capture()
  const circular = new Error('circular')
  circular.cause = circular
  log.error(
    {
      error: circular,
      size: 10n,
      when: new Date(0),
      none: undefined,
      many: new AggregateError([new Error('a'), 'b'], 'all'),
    },
    'x',
  )
  const [entry] = entries()
  assert.is(entry?.size, 10)
  assert.is(entry?.when, '1970-01-01T00:00:00.000Z')
  assert.equal(entry?.many?.errors[1], 'b')
})

test('all entries written before a SIGKILL are in the output', () => {
  const [file, prettyFile] = ['log', 'pretty'].map((name) =>
    JSON.stringify(join(import.meta.dirname, `../../daemon/log/${name}.ts`)),
  )
  for (const pretty of [false, true]) {
    const format = pretty ? `format: (await import(${prettyFile})).createPretty(false)` : ''
    const script = `const { createLog } = await import(${file}); const log = createLog({ ${format} })
      for (let n = 0; n < 500; n++) log.info({ n }, 'line'); process.kill(process.pid, 'SIGKILL')`
    const { stdout, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
    assert.is(signal, 'SIGKILL')
    assert.is(stdout.trimEnd().split('\n').length, 500)
  }
})
