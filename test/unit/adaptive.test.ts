/** Tests when the admission of jobs measures, and what it makes of the jobs that begin and end. */
import * as assert from 'uvu/assert'
import { createAdmission } from '../../daemon/schedule/adaptive.ts'
import type { CpuUse } from '../../daemon/machine/cpu-meter.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { createFakeClock } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('adaptive concurrency')

const quiet: CpuUse = { seconds: 1, use: 0.2, own: 0.1, busy: 1, pressure: 0 }

function prepare() {
  const clock = createFakeClock()
  const logged: LoggedLine[] = []
  const meter = { samples: 0, use: quiet, failures: [] as Error[] }
  let measuredAt = clock.now()
  const measure = async () => {
    const failure = meter.failures.shift()
    if (failure) throw failure
    meter.samples++
    const seconds = (clock.now() - measuredAt) / 1000
    measuredAt = clock.now()
    return { ...meter.use, seconds }
  }
  const rises: number[] = []
  const admission = createAdmission({
    goal: { max: 4, targetCpu: 0.7 },
    openMeter: async () => ({ measure }),
    log: createTestLog(logged),
    clock,
  })
  admission.start(() => rises.push(admission.level()))
  return { clock, logged, meter, rises, admission }
}

test('rises while a job fills the level, and reports each rise', async () => {
  const { clock, admission, rises, logged } = prepare()
  const ends = [admission.begin()]
  for (let second = 0; second < 30; second++) {
    await clock.advance(1000)
    while (ends.length < admission.level()) ends.push(admission.begin())
  }
  assert.equal([admission.level(), rises.at(-1)], [4, 4])
  const changes = logged.filter(({ event }) => event === 'admission.changed')
  assert.is(changes.length, rises.length)
  const [{ max, cost, duty } = {} as LoggedLine] = changes
  assert.equal([max, cost, duty], [4, 0.1, 1])
  for (const end of ends) end()
  await admission.stop()
})

test('measures every second while jobs run, every five seconds without, and at once when the first job begins', async () => {
  const { clock, meter, admission } = prepare()
  await clock.advance(10_000)
  assert.is(meter.samples, 2)
  await clock.advance(2000)
  const end = admission.begin()
  await clock.advance(1)
  assert.is(meter.samples, 3)
  await clock.advance(5000)
  assert.is(meter.samples, 8)
  end()
  await clock.advance(10_000)
  assert.is(meter.samples, 10)
  await admission.stop()
  assert.is(clock.pending(), 0)
})

test('does not rise without jobs, however idle the machine is', async () => {
  const { clock, admission } = prepare()
  await clock.advance(60_000)
  assert.is(admission.level(), 1)
  await admission.stop()
})

test('keeps the level while nothing can be measured, warns once, and goes on after it', async () => {
  const { clock, meter, logged, admission } = prepare()
  const end = admission.begin()
  meter.failures.push(new Error('no /proc'), new Error('no /proc'))
  await clock.advance(12_000)
  assert.equal(
    logged.filter(({ level }) => level === 'warn').map(({ event }) => event),
    ['admission.failed'],
  )
  assert.is(admission.level(), 1)
  await clock.advance(30_000)
  assert.ok(admission.level() > 1)
  end()
  await admission.stop()
})
