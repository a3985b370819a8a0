import { tmpdir } from 'node:os'
import * as assert from 'uvu/assert'
import { checkConfig } from '../../daemon/config/check.ts'
import { definePlugin, env, z, type DaemonEvent, type UserConfig } from '../../daemon/index.ts'
import { onlyIn, problemsOf } from '../helpers/config-problems.ts'
import { suite } from '../helpers/suite.ts'

const FIVE_GIB = 5 * 1024 ** 3
const test = suite('config')

const encode = definePlugin(
  'encode',
  z.object({ crf: z.int().min(0).max(51).default(23), codec: z.enum(['h264', 'hevc']).default('h264') }),
  () => ({
    keys: ['cvted_{name}.mp4'],
    publishes: true,
    run() {},
  }),
)
const writer = (name: string, ...keys: string[]) =>
  definePlugin(name, z.object({}), () => ({ keys, publishes: true, run() {} }))()

const minimal = {
  bucket: 'media',
  queues: {
    work: { url: 'http://q/1/work' },
    inProgress: { url: 'http://q/1/in-progress' },
    dead: { url: 'https://q/1/dead' },
  },
  plugins: [encode()],
} satisfies UserConfig

const only = onlyIn(minimal)

test('sets the defaults of options that are left out', () => {
  const { plugins, limits, routes, http: _, ...rest } = checkConfig(minimal)
  assert.equal(rest, {
    bucket: 'media',
    source: { prefix: 'origin_' },
    state: { prefix: '.mediad/' },
    queues: {
      work: { url: 'http://q/1/work', poll: '*/5 * * * * *', concurrency: 2 },
      inProgress: { url: 'http://q/1/in-progress', poll: '*/7 * * * * *', concurrency: 1 },
      dead: { url: 'https://q/1/dead' },
    },
    job: { attempts: 5, leaseSeconds: 60, recheckSeconds: 30, backoffSeconds: 5 },
    workspace: { directory: tmpdir() },
    ffmpeg: { path: 'ffmpeg', probePath: 'ffprobe', stallSeconds: 60, command: [] },
    metrics: { expose: 'off', host: '127.0.0.1', port: 9464 },
    shutdown: { graceSeconds: 30 },
  })
  assert.is(plugins[0], minimal.plugins[0])
  assert.equal(routes, [{ prefix: 'origin_', plugins }])
  // limits.test.ts and config-http.test.ts check all of these sections
  assert.is(limits.sourceBytes, 20 * 1024 ** 3)
})

test('sets the defaults of an empty section, and of the other options of a section', () => {
  assert.equal(checkConfig({ ...minimal, job: {} }).job, checkConfig(minimal).job)
  assert.equal(checkConfig({ ...minimal, http: { port: 0 } }).http, { ...checkConfig(minimal).http, port: 0 })
})

test('freezes the config deeply, but not the object of the user', () => {
  const user = structuredClone({ ...minimal, plugins: [] as unknown[] })
  user.plugins.push(encode())
  const config = checkConfig(user)
  for (const part of [config, config.queues, config.queues.work, config.http, config.plugins, config.job])
    assert.ok(Object.isFrozen(part))
  assert.throws(() => Object.assign(config.http, { port: 1 }), TypeError)
  user.queues.work.url = 'http://changed'
  user.plugins.push(encode())
  assert.is(config.queues.work.url, 'http://q/1/work')
  assert.is(config.plugins.length, 1)
})

test('keeps a listener unchanged', () => {
  const seen: string[] = []
  const onEvent = (event: DaemonEvent) => void seen.push(event.type)
  assert.is(checkConfig({ ...minimal, onEvent }).onEvent, onEvent)
  assert.not('onEvent' in checkConfig(minimal))
  only({ onEvent: 'log' }, /^onEvent: must be a function/)
})

test('reports all problems, each with its path on a separate line', () => {
  const problems = problemsOf({
    bucket: '',
    queues: { work: { url: 'nonsense', concurrency: 0 }, inProgress: { url: 'ftp://q/1', poll: 'often' } },
    job: { attempts: 1.5, leaseSeconds: 5, retries: 3 },
    http: { port: '3000' },
    plugins: [encode({ crf: 99 }), encode({ codec: 'mjpeg' as 'h264' })],
  })
  const expected = [
    /^bucket: must not be empty/,
    /^queues\.work\.url: must be the http\(s\) URL of an SQS queue, not "nonsense"/,
    /^queues\.work\.concurrency: must be an integer from 1 to 64, not 0/,
    /^queues\.inProgress\.url: must be the http\(s\) URL/,
    /^queues\.inProgress\.poll: must be a cron expression of 6 fields/,
    /^queues\.dead: is missing/,
    /^job\.attempts: must be an integer from 1 to 100, not 1\.5/,
    /^job\.leaseSeconds: must be an integer from 6 to 3600, not 5/,
    /^job\.retries: unknown option/,
    /^http\.port: must be an integer from 0 to 65535, not "3000"/,
    /^plugins\[0\] \(encode\)\.crf: must be at most 51, not 99/,
    /^plugins\[1\] \(encode\)\.codec: must be one of "h264", "hevc", not "mjpeg"/,
  ]
  for (const pattern of expected)
    assert.is(problems.filter((line) => pattern.test(line)).length, 1, `${pattern} in\n${problems.join('\n')}`)
})

test('requires numbers to be integers within their limits', () => {
  const limits = {
    job: { attempts: [1, 100], leaseSeconds: [6, 3600], recheckSeconds: [1, 900], backoffSeconds: [0, 900] },
    http: {
      port: [0, 65_535],
      urlSeconds: [1, 604_800],
      streams: [1, 100_000],
      streamsPerClient: [1, 100_000],
      maxUploadBytes: [1, FIVE_GIB],
    },
    metrics: { port: [0, 65_535] },
    shutdown: { graceSeconds: [0, 3600] },
  }
  for (const [section, options] of Object.entries(limits))
    for (const [option, [min = 0, max = 0]] of Object.entries(options)) {
      for (const value of [min, max]) assert.equal(problemsOf({ ...minimal, [section]: { [option]: value } }), [])
      for (const value of [min - 1, max + 1, min + 0.5, Number.NaN, Infinity, `${min}`, null, true, 10n])
        only(
          { [section]: { [option]: value } },
          new RegExp(`^${section}\\.${option}: must be an integer from ${min} to ${max}, not `),
        )
    }
})

test('reports an unknown option, with the known option that it resembles', () => {
  only({ jbo: {} }, /^jbo: unknown option; did you mean "job"\?/)
  only({ http: { prot: 1 } }, /^http\.prot: unknown option; did you mean "port"\?/)
  only(
    { queues: { ...minimal.queues, work: { ...minimal.queues.work, concurreny: 3 } } },
    /^queues\.work\.concurreny: .*"concurrency"\?/,
  )
  only(
    { queues: { ...minimal.queues, dead: { ...minimal.queues.dead, poll: '* * * * * *' } } },
    /^queues\.dead\.poll: unknown option; known here: url$/,
  )
  only({ shutdown: { colour: 1 } }, /^shutdown\.colour: unknown option; known here: graceSeconds, metadataUrl$/)
  only(
    { plugins: [encode({ cfr: 20 } as never)] },
    /^plugins\[0\] \(encode\)\.cfr: unknown option; did you mean "crf"\?/,
  )
})

test('escapes control characters in names and values, so that they cannot forge a line', () => {
  const problems = problemsOf({ ...minimal, ['a\n  bucket: fine']: 1, http: { host: 3, port: 'x\n\u001B[2J' } })
  assert.is(problems.length, 3)
  assert.not.match(problems.join(''), /\p{Cc}/u)
})

test('requires a poll to be a cron expression with seconds that can match', () => {
  const poll = (value: unknown) => ({ queues: { ...minimal.queues, work: { ...minimal.queues.work, poll: value } } })
  assert.equal(problemsOf({ ...minimal, ...poll('0-59/3 * * * * *') }), [])
  only(poll('* * * * *'), /queues\.work\.poll: .*6 fields.*this has 5/)
  only(poll('99 * * * * *'), /queues\.work\.poll: is not a valid cron expression/)
  only(poll('0 0 0 30 2 *'), /queues\.work\.poll: .*never matches/)
  only(poll('@hourly'), /queues\.work\.poll: .*6 fields/)
  only(poll(5), /queues\.work\.poll: must be text, not 5/)
})

test('requires the address of the instance metadata to be a URL', () => {
  assert.equal(problemsOf({ ...minimal, shutdown: { metadataUrl: 'http://169.254.169.254' } }), [])
  for (const metadataUrl of ['', '169.254.169.254', 'file:///etc/passwd', true, null])
    only({ shutdown: { metadataUrl } }, /^shutdown\.metadataUrl: must /)
})

test('requires the bucket to be a name', () => {
  for (const bucket of ['media', 'my.media-bucket', '123']) assert.equal(problemsOf({ ...minimal, bucket }), [])
  for (const bucket of ['a b', 'a/b', 'ab', 's3://media', 'arn:aws:s3:::media', '-media'])
    only({ bucket }, /^bucket: must be the plain name/)
})

test('requires three different queues', () => {
  const { work, inProgress } = minimal.queues
  only({ queues: { work, inProgress, dead: work } }, /^queues\.dead\.url: is the same queue as queues\.work\.url/)
  only(
    { queues: { work, inProgress: { url: `${work.url}/` }, dead: minimal.queues.dead } },
    /^queues\.inProgress\.url: is the same queue/,
  )
})

test('rejects source and state prefixes that overlap', () => {
  only({ state: { prefix: 'origin_state/' } }, /^state\.prefix: must not overlap/)
  only({ source: { prefix: '.mediad/in/' } }, /^state\.prefix: must not overlap/)
  only({ source: { prefix: '' } }, /^source\.prefix: must not be empty/)
  only({ state: { prefix: '' } }, /^state\.prefix: must not be empty/)
})

test('rejects a plugin that writes under the source or state prefix, or to a key of another plugin', () => {
  only(
    { plugins: [writer('loop', 'origin_{name}.mp4')] },
    /^plugins\[0\] \(loop\): writes to "origin_\{name\}\.mp4", .*again, endlessly/,
  )
  only({ plugins: [writer('spy', '.mediad/jobs/{id}.json')] }, /^plugins\[0\] \(spy\): .*state\.prefix/)
  only(
    { plugins: [encode(), writer('twin', 'cvted_{name}.mp4')] },
    /^plugins\[1\] \(twin\): .*as plugins\[0\] \(encode\) does/,
  )
  only({ source: { prefix: 'cvted' } }, /^plugins\[0\] \(encode\): writes to "cvted_/)
  assert.equal(
    problemsOf({
      ...minimal,
      plugins: [writer('twice', 'a_{name}', 'a_{name}'), writer('other', 'b_{name}', 'b_{id}')],
    }),
    [],
  )
})

test('reports conflicts together with other problems', () => {
  const problems = problemsOf({ ...minimal, bucket: 3, plugins: [writer('loop', 'origin_{name}')] })
  assert.is(problems.length, 2)
})

test('distinguishes a plugin that was not called from another value', () => {
  only({ plugins: [] }, /^plugins: must have at least one plugin/)
  only({ plugins: undefined }, /^plugins: is missing/)
  only({ plugins: [encode(), encode] }, /^plugins\[1\]: must be a plugin, not the function that makes it/)
  only({ plugins: [{ run() {} }] }, /^plugins\[0\]: must be a plugin made by definePlugin, not an object/)
})

test('reports a missing or empty environment variable at its path', () => {
  process.env.MEDIAD_TEST_EMPTY = ''
  process.env.MEDIAD_TEST_SET = 'http://q/1/work'
  const url = (value: string) => ({ queues: { ...minimal.queues, work: { url: value } } })
  only(
    url(env('MEDIAD_TEST_MISSING')),
    /^queues\.work\.url: the environment variable MEDIAD_TEST_MISSING is not set; .*\.env/,
  )
  only(url(env('MEDIAD_TEST_EMPTY')), /^queues\.work\.url: the environment variable MEDIAD_TEST_EMPTY is empty/)
  assert.is(checkConfig({ ...minimal, ...url(env('MEDIAD_TEST_SET')) }).queues.work.url, 'http://q/1/work')
  assert.equal([env('MEDIAD_TEST_EMPTY', 'x'), env('MEDIAD_TEST_MISSING', '')], ['x', ''])
  delete process.env.MEDIAD_TEST_EMPTY
  delete process.env.MEDIAD_TEST_SET
})

test('reports a missing environment variable in numbers, plugins and options of plugins', () => {
  const missing = env('MEDIAD_TEST_MISSING')
  const expected = /the environment variable MEDIAD_TEST_MISSING is not set/
  only({ http: { port: missing } }, expected)
  only({ plugins: [missing] }, expected)
  only({ plugins: [encode({ codec: missing as 'h264' })] }, expected)
})

test('throws the name of a missing environment variable when it is used in an expression', () => {
  const missing = env('MEDIAD_TEST_MISSING')
  for (const use of [
    () => `${missing}/x`,
    () => Number(missing),
    () => missing.trim(),
    () => missing.length,
    () => missing + '',
  ])
    assert.throws(use, /MEDIAD_TEST_MISSING is not set/)
})

test('rejects a value that is not an object', () => {
  for (const user of [null, undefined, 3, 'x', []])
    assert.match(problemsOf(user).join('\n'), /^config: (must be an object|is missing)/)
})
