import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { toMastering } from '../../daemon/probe/mastering.ts'
import { isMisleading, toFrameFilters } from '../../plugins/frames/colour.ts'
import { toLayout } from '../../plugins/frames/size.ts'
import { aVideo } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('mastering metadata')

const points = Object.fromEntries(
  ['red', 'green', 'blue', 'white_point'].flatMap((name) => [
    [`${name}_x`, '15635/50000'],
    [`${name}_y`, '16450/50000'],
  ]),
)
const display = (min: string, max: string) => ({
  side_data_type: 'Mastering display metadata',
  ...points,
  min_luminance: min,
  max_luminance: max,
})
const light = (max: number, average: number) => ({
  side_data_type: 'Content light level metadata',
  max_content: max,
  max_average: average,
})
const read = (...side_data_list: object[]) => toMastering({ frames: [{ side_data_list }] })

test('reads plausible metadata', () => {
  const { mastering, hasImplausibleMastering } = read(display('1/10000', '10000000/10000'), light(1000, 400))
  assert.equal(mastering?.light, { max: 1000, average: 400 })
  assert.equal(mastering?.display?.luminance, { min: 1, max: 10_000_000 })
  assert.is(hasImplausibleMastering, undefined)
  assert.equal(read(light(0, 0)), { mastering: { light: { max: 0, average: 0 } } })
  assert.equal(read(), { mastering: {} })
})

test('leaves out what cannot be true, and keeps the rest', () => {
  const ignored = { mastering: {}, hasImplausibleMastering: true }
  for (const [max, average] of [
    [1, 1],
    [49, 10],
    [10_001, 400],
    [400, 500],
  ])
    assert.equal(read(light(max ?? 0, average ?? 0)), ignored, `${max}, ${average}`)
  for (const [min, max] of [
    ['0/10000', '1000/10000'],
    ['1/10000', '200000000/10000'],
    ['60000/10000', '10000000/10000'],
  ])
    assert.equal(read(display(min ?? '', max ?? '')), ignored, `${min}, ${max}`)
  const { mastering, hasImplausibleMastering } = read(display('1/10000', '10000000/10000'), light(1, 1))
  assert.equal(
    [mastering?.display?.luminance.max, mastering?.light, hasImplausibleMastering],
    [10_000_000, undefined, true],
  )
})

test('tone-maps by the light level, else by the screen, else by 1000 cd/m²', () => {
  const peak = (given: ReturnType<typeof read>) => {
    const video = aVideo({ transfer: 'smpte2084', ...given })
    return toFrameFilters(video, toLayout(video), { hdr: 'tonemap' }).find((filter) => filter.startsWith('tonemap'))
  }
  const screen = display('1/10000', '40000000/10000')
  assert.match(peak(read(screen, light(2000, 400))) ?? '', /peak=20$/)
  assert.match(peak(read(screen, light(0, 0))) ?? '', /peak=40$/)
  assert.match(peak(read(light(1, 1))) ?? '', /peak=10$/)
  assert.match(peak({}) ?? '', /peak=10$/)
})

const misleads = (...sides: object[]): boolean => isMisleading(aVideo(read(...sides)))

test('misleads without a plausible light level only', () => {
  const dark = display('0/10000', '1000/10000')
  assert.equal([misleads(light(1, 1)), misleads(dark), misleads(dark, light(1000, 400))], [true, true, false])
  assert.equal([misleads(light(1000, 400)), misleads()], [false, false])
})

test('accepts any JSON', () => {
  const side = fc.record({
    side_data_type: fc.constantFrom('Mastering display metadata', 'Content light level metadata'),
    max_content: fc.anything(),
    max_average: fc.anything(),
    max_luminance: fc.oneof(fc.string(), fc.anything()),
    white_point_x: fc.anything(),
  })
  fc.assert(
    fc.property(
      fc.oneof(fc.array(side), fc.anything()),
      (list) => void toMastering({ frames: [{ side_data_list: list }] }),
    ),
  )
})
