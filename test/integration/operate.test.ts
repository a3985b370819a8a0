/** Runs the operators' commands as processes, next to running daemons. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { JobDocument } from '../../daemon/vocabulary/job.ts'
import { toNotificationBody } from '../../daemon/protocol/notification.ts'
import { runInParallel } from '../helpers/parallel.ts'
import { BUCKET } from '../helpers/cloud.ts'
import { noteCode, startFleet, type Fleet } from '../helpers/fleet.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { tinyVideo } from '../helpers/media.ts'
import { startMediad, type ExitStatus, type Entry } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = runInParallel(suite('operate'))
const rest = test.exhaustive

type Gate = { daemons?: number; verdict?: 'retry' | 'reject' }

/** A chain that fails until the file `flag` exists. */
const gateCode = (flag: string, verdict: string) => `
import { existsSync } from 'node:fs'
const gate = definePlugin('gate', z.object({}), () => ({
  run() {
    if (!existsSync(${JSON.stringify(flag)})) throw new MediadError('gate.closed', 'the gate is closed', { verdict: '${verdict}' })
  },
}))
${noteCode}`

async function startGated({ daemons = 1, verdict = 'reject' }: Gate = {}) {
  const folder = await temporaryFolder()
  const flag = join(folder.path, 'open')
  const fleet = await startFleet({ daemons, code: gateCode(flag, verdict), chain: '[gate(), note(), upload()]' })
  return {
    fleet,
    open: () => writeFile(flag, ''),
    async [Symbol.asyncDispose]() {
      await fleet[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** Uploads a video, and waits until its job is dead. */
async function uploadAndDie(fleet: Fleet, key: string): Promise<JobDocument> {
  await fleet.cloud.put(key, await tinyVideo())
  const document = await fleet.waitUntilFinished(key)
  assert.is(document.state, 'dead')
  await fleet.waitUntilDrained()
  return document
}

type Run = { exitCode: ExitStatus; lines: Entry[]; errors: Entry[] }

/** Runs one command with the config of the daemons, and returns its output as JSON lines. */
async function run({ cloud, daemons }: Fleet, ...args: string[]): Promise<Run> {
  const config = join(daemons[0]?.folder ?? '', 'media.config.mjs')
  const env = { ...cloud.local.env, MEDIAD_BUCKET: BUCKET, MEDIAD_LOG_LEVEL: 'warn' }
  await using command = await startMediad([...args, '--config', config], { env })
  const exitCode = await command.ended
  const of = (stream: Entry['stream']) => command.entries.filter((entry) => entry.stream === stream)
  return { exitCode, lines: of('stdout'), errors: of('stderr') }
}

const started = (fleet: Fleet) => fleet.countEvents('job.started')

rest('lists, shows and redrives a dead job, which restarts at attempt 1 and keeps its history', async () => {
  await using gated = await startGated({ verdict: 'retry' })
  const { fleet, open } = gated
  const { id } = await uploadAndDie(fleet, 'origin_a.mp4')

  const listed = await run(fleet, 'dead')
  assert.is(listed.exitCode, 0)
  assert.equal(
    listed.lines.map((line) => [line.id, line.key, line.reason, line.message, line.attempt, line.claim, line.state]),
    [[id, 'origin_a.mp4', 'gate.closed', 'the gate is closed', 3, 3, 'dead']],
  )
  const shown = await run(fleet, 'dead', 'show', 'origin_a.mp4')
  assert.is((shown.lines[0]?.document as JobDocument | undefined)?.history.length, 3)

  await open()
  const redriven = await run(fleet, 'dead', 'redrive', id)
  assert.is(redriven.exitCode, 0)
  assert.equal([redriven.lines[0]?.id, redriven.lines[0]?.done, redriven.lines[0]?.claim], [id, true, 3])
  const document = await until('the job succeeds', async () => {
    const seen = await fleet.document('origin_a.mp4')
    return seen?.state === 'succeeded' ? seen : null
  })
  assert.equal([document.attempt, document.claim, document.error], [1, 4, null])
  assert.equal(
    document.history.map(({ attempt, claim, error }) => [attempt, claim, error.code]),
    [1, 2, 3].map((n) => [n, n, 'gate.closed']),
  )
  assert.match((await fleet.cloud.get('note_a.txt')).toString(), /claim 4$/)
  await fleet.waitUntilDrained()
  assert.is(started(fleet), 4)
  assert.equal((await run(fleet, 'dead', 'list')).lines, [])
  assert.is((await run(fleet, 'dead', 'redrive', id)).exitCode, 1)
})

rest('runs a job once when several operators redrive it concurrently', async () => {
  await using gated = await startGated({ daemons: 2 })
  const { fleet, open } = gated
  const { id } = await uploadAndDie(fleet, 'origin_a.mp4')
  await open()
  const runs = await Promise.all([
    run(fleet, 'dead', 'redrive', id),
    run(fleet, 'dead', 'redrive', 'origin_a.mp4'),
    run(fleet, 'dead', 'redrive', '--all'),
  ])
  assert.ok(runs.some(({ exitCode }) => exitCode === 0))
  await until('the job succeeds', async () => (await fleet.document('origin_a.mp4'))?.state === 'succeeded')
  await fleet.waitUntilDrained()
  const { attempt, claim } = (await fleet.document('origin_a.mp4')) ?? {}
  assert.equal([attempt, claim, started(fleet)], [1, 2, 2])
})

rest('counts the attempts of a redriven job from 1, and can redrive it again', async () => {
  await using gated = await startGated({ verdict: 'retry' })
  const { fleet } = gated
  const { id } = await uploadAndDie(fleet, 'origin_a.mp4')
  await run(fleet, 'dead', 'redrive', id)
  const document = await until('the job is dead again', async () => {
    const seen = await fleet.document('origin_a.mp4')
    return seen?.state === 'dead' && seen.claim > 3 ? seen : null
  })
  assert.equal([document.attempt, document.claim, document.history.length], [3, 6, 6])
  assert.equal(
    document.history.map(({ attempt }) => attempt),
    [1, 2, 3, 1, 2, 3],
  )
  await fleet.waitUntilDrained()
  assert.equal(
    (await run(fleet, 'dead')).lines.map((line) => [line.id, line.claim, line.messages]),
    [[id, 6, 1]],
  )
})

test.exhaustive('redrive died after sending: the job succeeds, and the remaining message can be dropped', async () => {
  await using gated = await startGated()
  const { fleet, open } = gated
  const { id, source, claim } = await uploadAndDie(fleet, 'origin_a.mp4')
  await open()
  await fleet.notify(toNotificationBody({ ...source, redrive: claim }))
  await until('the job succeeds', async () => (await fleet.document('origin_a.mp4'))?.state === 'succeeded')
  await fleet.waitUntilDrained()

  const again = await run(fleet, 'dead', 'redrive', id)
  assert.equal([again.exitCode, again.lines[0]?.done], [1, false])
  assert.match(String(again.lines[0]?.detail), 'its state is succeeded')
  assert.is((await run(fleet, 'dead', 'redrive', '--all')).exitCode, 0)
  await fleet.waitUntilDrained()
  assert.is(started(fleet), 2)
  assert.equal(
    (await run(fleet, 'dead')).lines.map((line) => [line.id, line.state]),
    [[id, 'succeeded']],
  )
  const before = await fleet.document('origin_a.mp4')
  assert.is((await run(fleet, 'dead', 'drop', id)).exitCode, 0)
  assert.equal((await run(fleet, 'dead')).lines, [])
  assert.equal(await fleet.document('origin_a.mp4'), before)
  assert.is((await run(fleet, 'dead', 'drop', id)).exitCode, 1)
})

rest('shows and drops a message that is not a job, and does not redrive it', async () => {
  await using fleet = await startFleet({ code: noteCode, chain: '[note(), upload()]' })
  await fleet.notify('what is this?')
  await until(
    'it is dead-lettered',
    async () => (await fleet.cloud.messages(fleet.cloud.local.queueUrls.dead)).visible === 1,
  )
  const [line] = (await run(fleet, 'dead')).lines
  assert.equal([line?.key, line?.reason, line?.body], [null, 'message.invalid', 'what is this?'])
  const name = String(line?.id)
  const redriven = await run(fleet, 'dead', 'redrive', name)
  assert.equal([redriven.exitCode, redriven.lines[0]?.done], [1, false])
  assert.is((await run(fleet, 'dead', 'show', name)).exitCode, 0)
  assert.is((await run(fleet, 'dead', 'drop', '--all')).exitCode, 0)
  const missing = await run(fleet, 'dead', 'show', name)
  assert.equal([missing.exitCode, missing.errors[0]?.code], [1, 'job.not_found'])
})

rest('lists jobs with their progress, and shows one', async () => {
  await using fleet = await startFleet({ code: noteCode, chain: '[note({ pause: 600 }), upload()]' })
  await fleet.cloud.put('origin_bad.mp4', 'not a video')
  const dead = await fleet.waitUntilFinished('origin_bad.mp4')
  await fleet.cloud.put('origin_slow.mp4', await tinyVideo())
  await until('the job runs', async () => (await fleet.document('origin_slow.mp4'))?.progress.plugin === 'note')

  const all = await run(fleet, 'jobs')
  assert.is(all.exitCode, 0)
  assert.equal(
    all.lines.map((line) => [line.key, line.state, line.stale, line.attempt, line.attempts, line.error]),
    [
      ['origin_slow.mp4', 'processing', false, 1, 3, null],
      ['origin_bad.mp4', 'dead', false, 1, 3, 'input.not_media'],
    ],
  )
  assert.equal(
    (await run(fleet, 'jobs', '--state', 'dead')).lines.map(({ key }) => key),
    ['origin_bad.mp4'],
  )
  assert.is((await run(fleet, 'jobs', '--limit', '1')).lines.length, 1)
  for (const name of [dead.id, 'origin_bad.mp4']) {
    const { stream: _, text: __, ageSeconds, ...shown } = (await run(fleet, 'jobs', name)).lines[0] as Entry
    assert.type(ageSeconds, 'number')
    assert.equal(shown, dead)
  }
  const nobody = await run(fleet, 'jobs', 'origin_nobody.mp4')
  assert.equal([nobody.exitCode, nobody.errors[0]?.code], [1, 'job.not_found'])

  await fleet.cloud.put(`.mediad/jobs/${'0'.repeat(32)}.json`, '{}')
  const invalid = await run(fleet, 'jobs')
  assert.equal([invalid.exitCode, invalid.lines.length], [1, 3])
  assert.is(invalid.lines.find((line) => line.id === '0'.repeat(32))?.code, 'internal.document')
})

rest('rejects invalid arguments before doing anything', async () => {
  await using fleet = await startFleet({ daemons: 0 })
  const usages = [
    ['dead', 'redrive'],
    ['dead', 'drop', 'x', '--all'],
    ['dead', 'show'],
    ['dead', 'list', 'x'],
    ['dead', 'remove', 'x'],
    ['jobs', '--limit', '0'],
    ['jobs', '--state', 'odd'],
  ]
  const runs = await Promise.all(usages.map((usage) => run(fleet, ...usage)))
  assert.equal(
    runs.map(({ exitCode }) => exitCode),
    usages.map(() => 2),
  )
})
