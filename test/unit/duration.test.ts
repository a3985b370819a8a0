import * as assert from 'uvu/assert'
import { toFileDuration, toTrackDuration } from '../../daemon/probe/extent/duration.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('durations')

const file = (format_name: string, start_time: string, duration: string) =>
  toFileDuration({ format_name, start_time, duration }, [{}])

test('subtracts the start of a recording where the container reports the timestamp of its end', () => {
  for (const format of ['flv', 'ogg', 'asf', 'matroska,webm']) {
    assert.is(file(format, '3600.5', '3608.5'), 8, format)
    assert.is(toTrackDuration({ start_time: '3600.5', duration: '3608.5' }, 'asf'), 8)
  }
  assert.is(file('flv', '3600.5', '8'), 8)
  assert.is(file('flv', '-0.5', '8'), 8)
  assert.is(file('flv', 'N/A', '8'), 8)
  assert.is(file('mpegts', '3600.5', '8'), 8)
  assert.is(file('avi', '2', '8'), 8)
  assert.is(file('flv', '0', 'N/A'), null)
})

test('subtracts the start of a fragmented MP4, which has no index of its packets', () => {
  const track = { start_time: '3600', duration: '3608' }
  assert.is(toTrackDuration(track, 'mov,mp4'), 8)
  assert.is(toTrackDuration({ ...track, nb_frames: '200' }, 'mov,mp4'), 3608)
  assert.is(toFileDuration({ format_name: 'mov,mp4', ...track }, [{ nb_frames: '200' }]), 3608)
  assert.is(toFileDuration({ format_name: 'mov,mp4', ...track }, [{}]), 8)
})
