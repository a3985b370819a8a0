import * as assert from 'uvu/assert'
import { createMemoryGuard } from '../../daemon/ffmpeg/memory-guard.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('memory-guard')

test('reports once that ffmpeg cannot allocate memory, after 1,000 lines', () => {
  const codes: string[] = []
  const addLine = createMemoryGuard(({ code }) => codes.push(code))
  const add = (count: number, line: string) => Array.from({ length: count }).forEach(() => addLine(line))
  // ffmpeg 7.1
  const failed = '[h264 @ 0x1] [error] h264_slice_header_init() failedDecoding error: Cannot allocate memory'
  add(999, failed)
  add(5000, '[h264 @ 0x1] [error] no frame!')
  assert.equal(codes, [])
  add(5000, failed)
  assert.equal(codes, ['resource.memory'])
})
