import * as assert from 'uvu/assert'
import { toJobId, type JobDocument } from '../../daemon/vocabulary/job.ts'
import { runInParallel } from '../helpers/parallel.ts'
import { BUCKET } from '../helpers/cloud.ts'
import { noteCode, startFleet } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = runInParallel(suite('attempts'))

const failing = `
const fail = definePlugin('fail', z.object({ times: z.number() }), ({ times }) => ({
  run({ job }) {
    if (job.attempt <= times) throw new Error('attempt ' + job.attempt + ' fails')
  },
}))
${noteCode}`

test('retries a failed job until it succeeds', async () => {
  await using fleet = await startFleet({ code: failing, chain: '[fail({ times: 1 }), note(), upload()]' })
  await fleet.cloud.put('origin_a.mp4', await tinyVideo())
  const document = await fleet.waitUntilFinished('origin_a.mp4')
  assert.is(document.state, 'succeeded')
  assert.is(document.attempt, 2)
  assert.is(document.claim, 2)
  assert.is(document.error, null)
  assert.equal(
    document.history.map(({ attempt, error }) => [attempt, error.code, error.plugin, error.message]),
    [[1, 'internal.plugin', 'fail', 'attempt 1 fails']],
  )
  assert.match((await fleet.cloud.get('note_a.txt')).toString(), /claim 2$/)
  await fleet.waitUntilDrained()
  assert.equal(await fleet.takeDeadMessages(), [])
})

test.exhaustive('dead-letters a job that has used up its attempts', async () => {
  await using fleet = await startFleet({ code: failing, chain: '[fail({ times: 99 }), note(), upload()]' })
  await fleet.cloud.put('origin_a.mp4', await tinyVideo())
  const document = await fleet.waitUntilFinished('origin_a.mp4')
  assert.is(document.state, 'dead')
  assert.is(document.attempt, 3)
  assert.is(document.error?.code, 'internal.plugin')
  assert.is(document.history.length, 3)
  await fleet.waitUntilDrained()
  assert.is(fleet.countEvents('job.started'), 3)
  await until(
    'the end of the job is logged',
    () => fleet.countEvents('job.dead_lettered', { job: document.id, attempt: 3 }) > 0,
  )
  const lines = fleet.daemons.flatMap(({ entries }) => entries).map(({ text }) => text)
  assert.equal(
    lines.filter((line) => JSON.stringify(JSON.parse(line)) !== line),
    [],
    'no log line has a duplicate field',
  )
  const [dead, ...more] = await fleet.takeDeadMessages()
  assert.equal(more, [])
  const job = dead?.job as JobDocument | undefined
  assert.is(job?.id, toJobId(BUCKET, 'origin_a.mp4'))
  assert.is(job?.history.length, 3)
  assert.equal(
    (await fleet.cloud.list()).filter((key) => key.startsWith('note_')),
    [],
  )
})

const invalid: [string, string | Buffer, string][] = [
  ['text', 'this is not a video\n'.repeat(100), 'input.not_media'],
  ['a zip', Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(5000, 7)]), 'input.not_media'],
  ['a playlist', '#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n', 'input.not_media'],
  ['an empty file', '', 'input.empty'],
]

test.exhaustive('dead-letters a file that is not media after one attempt', async () => {
  await using fleet = await startFleet({ chain: '[transcode(), upload()]' })
  for (const [n, [, body]] of invalid.entries()) await fleet.cloud.put(`origin_${n}.mp4`, body)
  for (const [n, [what, , code]] of invalid.entries()) {
    const document = await fleet.waitUntilFinished(`origin_${n}.mp4`)
    assert.equal(
      [document.state, document.attempt, document.error?.code],
      ['dead', 1, code],
      `${what} ${JSON.stringify(document.history)}`,
    )
  }
  await fleet.waitUntilDrained()
  assert.is((await fleet.takeDeadMessages()).length, invalid.length)
})

for (const [overwrite, state, content] of [
  ['own', 'dead', /^foreign$/],
  ['always', 'succeeded', /claim 1$/],
] as const) {
  test.exhaustive(
    `an object of another owner has the output key, overwrite: ${overwrite}: the job is ${state}`,
    async () => {
      await using fleet = await startFleet({ code: noteCode, chain: `[note(), upload({ overwrite: '${overwrite}' })]` })
      await fleet.cloud.put('note_a.txt', 'foreign')
      await fleet.cloud.put('origin_a.mp4', await tinyVideo())
      const document = await fleet.waitUntilFinished('origin_a.mp4')
      assert.is(document.state, state)
      if (state === 'dead') assert.is(document.error?.code, 'output.exists')
      assert.match((await fleet.cloud.get('note_a.txt')).toString(), content)
    },
  )
}
