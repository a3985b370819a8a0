/** The commands of operators, as processes, beside daemons at work. */
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

type Gate = { daemons?: number; verdict?: 'retry' | 'reject' }

/** A chain that fails until a file is there. */
const gateCode = (flag: string, verdict: string) => `
import { existsSync } from 'node:fs'
const gate = definePlugin('gate', z.object({}), () => ({
  run() {
    if (!existsSync(${JSON.stringify(flag)})) throw new MediadError('gate.shut', 'the gate is shut', { verdict: '${verdict}' })
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

/** Uploads a film, and waits until its job is dead. */
async function die(fleet: Fleet, key: string): Promise<JobDocument> {
  await fleet.cloud.put(key, await tinyVideo())
  const document = await fleet.waitUntilFinished(key)
  assert.is(document.state, 'dead')
  await fleet.waitUntilDrained()
  return document
}

type Run = { ending: ExitStatus; lines: Entry[]; errors: Entry[] }

/** One command to its end, with the config of the daemons; its output as programs get it. */
async function run({ cloud, daemons }: Fleet, ...args: string[]): Promise<Run> {
  const config = join(daemons[0]?.folder ?? '', 'media.config.ts')
  const env = { ...cloud.local.env, MEDIAD_BUCKET: BUCKET, MEDIAD_LOG_LEVEL: 'warn' }
  await using command = await startMediad([...args, '--config', config], { env })
  const ending = await command.ended
  const of = (stream: Entry['stream']) => command.entries.filter((entry) => entry.stream === stream)
  return { ending, lines: of('stdout'), errors: of('stderr') }
}

const started = (fleet: Fleet) => fleet.countEvents('job.started')

test('a dead job is listed, shown and redriven: it begins with attempt 1, and its history stays', async () => {
  await using gated = await startGated({ verdict: 'retry' })
  const { fleet, open } = gated
  const { id } = await die(fleet, 'origin_a.mp4')

  const listed = await run(fleet, 'dead')
  assert.is(listed.ending, 0)
  assert.equal(
    listed.lines.map((line) => [line.id, line.key, line.reason, line.message, line.attempt, line.claim, line.state]),
    [[id, 'origin_a.mp4', 'gate.shut', 'the gate is shut', 3, 3, 'dead']],
  )
  const shown = await run(fleet, 'dead', 'show', 'origin_a.mp4')
  assert.is((shown.lines[0]?.document as JobDocument | undefined)?.history.length, 3)

  await open()
  const redriven = await run(fleet, 'dead', 'redrive', id)
  assert.is(redriven.ending, 0)
  assert.equal([redriven.lines[0]?.id, redriven.lines[0]?.done, redriven.lines[0]?.claim], [id, true, 3])
  const document = await until('it is done', async () => {
    const seen = await fleet.document('origin_a.mp4')
    return seen?.state === 'succeeded' ? seen : null
  })
  assert.equal([document.attempt, document.claim, document.error], [1, 4, null])
  assert.equal(
    document.history.map(({ attempt, claim, error }) => [attempt, claim, error.code]),
    [1, 2, 3].map((n) => [n, n, 'gate.shut']),
  )
  assert.match((await fleet.cloud.get('note_a.txt')).toString(), /claim 4$/)
  await fleet.waitUntilDrained()
  assert.is(started(fleet), 4)
  assert.equal((await run(fleet, 'dead', 'list')).lines, [])
  assert.is((await run(fleet, 'dead', 'redrive', id)).ending, 1)
})

test.exhaustive('redriven by two operators at once, and once more by all: it is done once', async () => {
  await using gated = await startGated({ daemons: 2 })
  const { fleet, open } = gated
  const { id } = await die(fleet, 'origin_a.mp4')
  await open()
  const runs = await Promise.all([
    run(fleet, 'dead', 'redrive', id),
    run(fleet, 'dead', 'redrive', 'origin_a.mp4'),
    run(fleet, 'dead', 'redrive', '--all'),
  ])
  assert.ok(runs.some(({ ending }) => ending === 0))
  await until('it is done', async () => (await fleet.document('origin_a.mp4'))?.state === 'succeeded')
  await fleet.waitUntilDrained()
  const { attempt, claim } = (await fleet.document('origin_a.mp4')) ?? {}
  assert.equal([attempt, claim, started(fleet)], [1, 2, 2])
})

test.exhaustive('it fails again: its attempts are counted anew, and it can be redriven again', async () => {
  await using gated = await startGated({ verdict: 'retry' })
  const { fleet } = gated
  const { id } = await die(fleet, 'origin_a.mp4')
  await run(fleet, 'dead', 'redrive', id)
  const document = await until('it is dead again', async () => {
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

test('an operator who died after sending: the job is done; the message that is left can be dropped', async () => {
  await using gated = await startGated()
  const { fleet, open } = gated
  const { id, source, claim } = await die(fleet, 'origin_a.mp4')
  await open()
  await fleet.notify(toNotificationBody({ ...source, redrive: claim }))
  await until('it is done', async () => (await fleet.document('origin_a.mp4'))?.state === 'succeeded')
  await fleet.waitUntilDrained()

  const again = await run(fleet, 'dead', 'redrive', id)
  assert.equal([again.ending, again.lines[0]?.done], [1, false])
  assert.match(String(again.lines[0]?.detail), 'its document says succeeded')
  assert.is((await run(fleet, 'dead', 'redrive', '--all')).ending, 0)
  await fleet.waitUntilDrained()
  assert.is(started(fleet), 2)
  assert.equal(
    (await run(fleet, 'dead')).lines.map((line) => [line.id, line.state]),
    [[id, 'succeeded']],
  )
  const before = await fleet.document('origin_a.mp4')
  assert.is((await run(fleet, 'dead', 'drop', id)).ending, 0)
  assert.equal((await run(fleet, 'dead')).lines, [])
  assert.equal(await fleet.document('origin_a.mp4'), before)
  assert.is((await run(fleet, 'dead', 'drop', id)).ending, 1)
})

test('a message that never was a job is shown, not redriven, and dropped', async () => {
  await using fleet = await startFleet({ code: noteCode, chain: '[note(), upload()]' })
  await fleet.notify('what is this?')
  await until('it is buried', async () => (await fleet.cloud.messages(fleet.cloud.local.queueUrls.dead)).visible === 1)
  const [line] = (await run(fleet, 'dead')).lines
  assert.equal([line?.key, line?.reason, line?.body], [null, 'message.invalid', 'what is this?'])
  const name = String(line?.id)
  const redriven = await run(fleet, 'dead', 'redrive', name)
  assert.equal([redriven.ending, redriven.lines[0]?.done], [1, false])
  assert.is((await run(fleet, 'dead', 'show', name)).ending, 0)
  assert.is((await run(fleet, 'dead', 'drop', '--all')).ending, 0)
  const missing = await run(fleet, 'dead', 'show', name)
  assert.equal([missing.ending, missing.errors[0]?.code], [1, 'job.not_found'])
})

test('jobs are listed with where they stand, and shown', async () => {
  await using fleet = await startFleet({ code: noteCode, chain: '[note({ pause: 600 }), upload()]' })
  await fleet.cloud.put('origin_bad.mp4', 'no film')
  const dead = await fleet.waitUntilFinished('origin_bad.mp4')
  await fleet.cloud.put('origin_slow.mp4', await tinyVideo())
  await until('it runs', async () => (await fleet.document('origin_slow.mp4'))?.progress.plugin === 'note')

  const all = await run(fleet, 'jobs')
  assert.is(all.ending, 0)
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
  assert.equal([nobody.ending, nobody.errors[0]?.code], [1, 'job.not_found'])

  await fleet.cloud.put(`.mediad/jobs/${'0'.repeat(32)}.json`, '{}')
  const strange = await run(fleet, 'jobs')
  assert.equal([strange.ending, strange.lines.length], [1, 3])
  assert.is(strange.lines.find((line) => line.id === '0'.repeat(32))?.code, 'internal.document')
})

test('what makes no sense is refused before anything is done', async () => {
  await using fleet = await startFleet({ daemons: 0 })
  const usages = [
    ['dead', 'redrive'],
    ['dead', 'drop', 'x', '--all'],
    ['dead', 'show'],
    ['dead', 'list', 'x'],
    ['dead', 'bury', 'x'],
    ['jobs', '--limit', '0'],
    ['jobs', '--state', 'odd'],
  ]
  const runs = await Promise.all(usages.map((usage) => run(fleet, ...usage)))
  assert.equal(
    runs.map(({ ending }) => ending),
    usages.map(() => 2),
  )
})
