/** Tests which settings `mediad tune` measures, and which one it recommends. */
import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { describeSetting, toGrid } from '../../daemon/cli/tune/grid.ts'
import { hasThreads } from '../../daemon/cli/tune/measure.ts'
import { recommend, toConfigLines, type Measured } from '../../daemon/cli/tune/recommend.ts'
import { reportMeasurements, reportRecommendation } from '../../daemon/cli/tune/report.ts'
import { definePlugin, z } from '../../daemon/index.ts'
import { videoCodecs } from '../../plugins/transcode/codecs.ts'
import { transcode } from '../../plugins/transcode/transcode.ts'
import type { Terminal } from '../../daemon/terminal/terminal.ts'
import { createTestLog } from '../helpers/context.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('tune')

const toPairs = (cpus: number) =>
  toGrid(cpus, { hasThreads: true }).map(({ concurrency, threads }) => `${concurrency}×${threads ?? 'auto'}`)

test('2 CPUs: one and two jobs, with the threads of the encoder, all CPUs, and half of them', () => {
  assert.equal(toPairs(2), ['1×auto', '1×2', '1×1', '2×auto', '2×1'])
  assert.equal(toPairs(1), ['1×auto', '1×1'])
  assert.equal(toPairs(1.5), toPairs(1))
  assert.equal(toPairs(0.5), toPairs(1))
})

test('64 CPUs: the concurrency doubles, and no setting leaves more than half of the CPUs unused', () => {
  const grid = toGrid(64, { hasThreads: true })
  assert.is(grid.length, 23)
  assert.equal([...new Set(grid.map(({ concurrency }) => concurrency))], [1, 2, 3, 4, 8, 16, 32, 64])
  assert.equal(toPairs(64).slice(-5), ['32×auto', '32×2', '32×1', '64×auto', '64×1'])
  for (const { concurrency, threads } of grid) assert.ok(threads === null || concurrency * threads >= 32)
})

test('without an option for threads, only the concurrency varies', () => {
  assert.equal(
    toGrid(4, { hasThreads: false }),
    [1, 2, 3, 4].map((concurrency) => ({ concurrency, threads: null })),
  )
})

test('the grid is small, starts with one job, includes all CPUs and has no setting twice: any number of CPUs', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 512 }), (cpus) => {
      const pairs = toPairs(cpus)
      assert.ok(pairs.length <= 33)
      assert.is(pairs[0], '1×auto')
      assert.is(new Set(pairs).size, pairs.length)
      assert.ok(pairs.includes(`${cpus}×1`))
    }),
  )
})

const GIB = 2 ** 30
function measured(concurrency: number, threads: number | null, more: Partial<Measured> = {}): Measured {
  return { concurrency, threads, clipsPerHour: 100, memoryBytes: GIB, cpuUse: 0.9, secondsPerClip: 36, ...more }
}

test('recommends the fewest jobs within 3 % of the highest throughput, then the least memory', () => {
  const one = measured(1, null, { clipsPerHour: 98 })
  assert.is(
    recommend([one, measured(2, 1, { clipsPerHour: 100 }), measured(2, null, { clipsPerHour: 99 })], 8 * GIB),
    one,
  )
  const light = measured(2, 1, { clipsPerHour: 98, memoryBytes: GIB / 2 })
  assert.is(
    recommend([measured(1, null, { clipsPerHour: 80 }), measured(2, null, { clipsPerHour: 100 }), light], 8 * GIB),
    light,
  )
  assert.is(recommend([], GIB), null)
})

test('recommends only what fits 80 % of the memory, or the least if nothing does', () => {
  const small = measured(1, 1, { clipsPerHour: 50, memoryBytes: GIB })
  const large = measured(8, null, { clipsPerHour: 100, memoryBytes: 7 * GIB })
  assert.is(recommend([small, large], 8 * GIB), small)
  assert.is(recommend([small, large], 16 * GIB), large)
  assert.is(recommend([small, large], GIB / 2), small)
  const unknown = { ...large, memoryBytes: null }
  assert.is(recommend([small, unknown], 8 * GIB), unknown)
})

test('the recommendation is measured, fits, and is within 3 % of every setting that fits: any measurements', () => {
  const one = fc.record({
    concurrency: fc.integer({ min: 1, max: 64 }),
    threads: fc.option(fc.integer({ min: 1, max: 64 })),
    clipsPerHour: fc.double({ min: 1, max: 1e4, noNaN: true }),
    memoryBytes: fc.integer({ min: 1, max: 100 }),
    cpuUse: fc.constant(0.5),
    secondsPerClip: fc.constant(1),
  })
  fc.assert(
    fc.property(fc.array(one, { minLength: 1 }), fc.integer({ min: 1, max: 120 }), (list, memory) => {
      const found = recommend(list, memory)
      assert.ok(found !== null && (list as Measured[]).includes(found))
      const fitting = list.filter(({ memoryBytes }) => memoryBytes <= memory * 0.8)
      if (fitting.length > 0) assert.ok((found.memoryBytes ?? 0) <= memory * 0.8)
      for (const { clipsPerHour } of fitting) assert.ok(found.clipsPerHour >= clipsPerHour * 0.97)
    }),
  )
})

test('the lines for the config say where they belong', () => {
  assert.equal(toConfigLines({ concurrency: 3, threads: 2 }, ['transcode']), [
    'concurrency: 3, // in queues.work',
    'threads: 2,     // in transcode({ … })',
  ])
  assert.equal(toConfigLines({ concurrency: 12, threads: null }, ['transcode']), [
    'concurrency: 12, // in queues.work',
    '                 // no threads in transcode({ … })',
  ])
  assert.equal(toConfigLines({ concurrency: 1, threads: null }, []), ['concurrency: 1, // in queues.work'])
})

test('describes a setting in words', () => {
  assert.equal(
    [
      { concurrency: 1, threads: null },
      { concurrency: 1, threads: 1 },
      { concurrency: 2, threads: 1 },
      { concurrency: 3, threads: 4 },
    ].map(describeSetting),
    ['1 job', '1 job, 1 thread', '2 jobs, 1 thread each', '3 jobs, 4 threads each'],
  )
})

/** A terminal that collects what is printed. */
function openScreen(width: number) {
  const lines: string[] = []
  const terminal: Terminal = {
    human: true,
    width,
    log: createTestLog(),
    print: (line) => void lines.push(...line.split('\n')),
    fail: () => {},
  }
  return { lines, terminal }
}

test('the report fits 80 columns, and says what makes the measurement doubtful', () => {
  const { lines, terminal } = openScreen(80)
  const list = [
    { ...measured(1, null, { clipsPerHour: 1234.5 }), othersUse: 0.3 },
    { ...measured(2, 1, { clipsPerHour: 2345.6 }), othersUse: 0.1 },
  ]
  reportMeasurements(terminal, list, { settings: 5, failure: null })
  reportRecommendation(terminal, {
    best: list[1] ?? null,
    measured: list,
    plugins: ['transcode'],
    memoryBytes: 8 * GIB,
  })
  assert.equal(
    lines.filter((line) => line.length > 80),
    [],
  )
  const text = lines.join('\n')
  for (const shown of [
    /│ +jobs │ threads │ clips\/hour │ +CPU │ +memory │ seconds\/clip │/,
    /│ +1 │ +auto │ +1235 │/,
    /The time was over before 3 more settings/,
    /Other programs used up to 30 % of the CPUs/,
    /Recommended: 2 jobs, 1 thread each\n100 % of the highest throughput, 1\.0 GiB of 8\.0 GiB memory/,
    /  threads: 1, +\/\/ in transcode/,
  ])
    assert.match(text, shown)
})

function words(codec: keyof typeof videoCodecs, threads?: number): string {
  return videoCodecs[codec].options(videoCodecs[codec].preset.default, 30, { threads }).join(' ')
}

test('the report names the setting that failed, instead of the time', () => {
  const { lines, terminal } = openScreen(120)
  const list = [{ ...measured(1, null), othersUse: 0 }]
  reportMeasurements(terminal, list, { settings: 5, failure: '2 jobs: out of memory' })
  assert.is(lines.at(-1), 'Stopped, because this failed: 2 jobs: out of memory')
})

test('transcode() has an option for the threads of its encoder, which each library gets in its own way', () => {
  assert.ok(hasThreads(transcode({ crf: 20 })))
  assert.not.ok(hasThreads(definePlugin('note', z.object({}), () => ({ run() {} }))()))
  assert.match(words('h264', 3), /-threads 3$/)
  assert.match(words('hevc', 3), /-x265-params log-level=error:pools=3$/)
  assert.match(words('av1', 3), /-svtav1-params lp=3$/)
  assert.match(words('vp9', 3), /-threads 3$/)
  for (const codec of ['h264', 'hevc', 'av1', 'vp9'] as const) assert.not.match(words(codec), /threads|pools|lp=/)
})

test('a plugin can be made again with other options, and reports the ones that are not valid', () => {
  const plugin = definePlugin(
    'encode',
    z.object({ crf: z.int().default(23), threads: z.int().optional() }),
    (options) => ({
      keys: [`${options.crf}-${options.threads ?? 'auto'}`],
      run() {},
    }),
  )({ crf: 20 })
  assert.equal(plugin.withOptions?.({ threads: 2 }).hooks.keys, ['20-2'])
  assert.equal(plugin.withOptions?.({ threads: 2 }).withOptions?.({ threads: undefined }).hooks.keys, ['20-auto'])
  assert.is(plugin.withOptions?.({ thread: 2 }).problems.length, 1)
  assert.equal(plugin.hooks.keys, ['20-auto'])
})
