import * as assert from 'uvu/assert'
import { isFrameOnly } from '../../daemon/probe/mp4/frame-only.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('HEVC without fields')

/** A decoder configuration with these flags, which start the seventh byte. */
const toConfiguration = (flags: number): Buffer => Buffer.from([1, 1, 0x60, 0, 0, 0, flags])
/** A sequence parameter set of the Main profile. The third zero byte of the compatibility flags is escaped. */
const toSps = (flags: number): string => Buffer.from([0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, flags, 0]).toString('hex')
const vps = '40010c01ffff'
const [progressive, interlaced] = [0x90, 0x40]

test('a progressive source with the constraint of frames only has no fields', () => {
  assert.ok(isFrameOnly(toConfiguration(progressive), [vps, toSps(progressive)]))
  assert.ok(isFrameOnly(toConfiguration(0xb0), [toSps(0xbf)]), 'other constraints do not matter')
})

test('anything else can have fields', () => {
  assert.not(isFrameOnly(toConfiguration(interlaced), [toSps(interlaced)]))
  assert.not(isFrameOnly(toConfiguration(progressive), [toSps(interlaced)]))
  assert.not(isFrameOnly(toConfiguration(interlaced), [toSps(progressive)]))
  assert.not(isFrameOnly(toConfiguration(progressive), [toSps(progressive), toSps(interlaced)]), 'all sets count')
  for (const flags of [0x80, 0x10, 0xd0, 0xc0, 0]) assert.not(isFrameOnly(toConfiguration(flags), [toSps(flags)]))
})

test('missing or truncated sets promise nothing', () => {
  assert.not(isFrameOnly(toConfiguration(progressive), []))
  assert.not(isFrameOnly(toConfiguration(progressive), [vps]))
  assert.not(isFrameOnly(toConfiguration(progressive), ['4201']))
  assert.not(isFrameOnly(Buffer.alloc(0), [toSps(progressive)]))
})
