import * as assert from 'uvu/assert'
import { findTracks } from '../../daemon/probe/analysis.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('analysis')

const video = { index: 0, codec_type: 'video', codec_name: 'h264', width: 320, height: 180, pix_fmt: 'yuv420p' }
const audio = { index: 1, codec_type: 'audio', codec_name: 'aac', channels: 2, sample_rate: '48000' }
const lateVideo = { ...video, width: 0, height: 0, pix_fmt: undefined }
const lateAudio = { ...audio, channels: 0 }

type Streams = readonly object[]

/** Returns how often ffprobe is run, and whether the longer run counts. */
async function read(format_name: string, short: Streams, long: Streams = short): Promise<[number, boolean]> {
  let runs = 0
  const { isLong } = await findTracks(async (isLong) => {
    runs++
    return { json: { format: { format_name }, streams: isLong ? long : short }, lines: [], stderr: '' }
  })
  return [runs, isLong]
}

test('searches longer only when the parameters of a track are missing', async () => {
  assert.equal(await read('mpegts', [video, audio]), [1, false])
  assert.equal(await read('mpegts', [lateVideo, audio], [video, audio]), [2, true])
  assert.equal(await read('mpegts', [video, lateAudio], [video, audio]), [2, true])
  assert.equal(await read('mpegts', [{ ...video, pix_fmt: 'unknown' }], [video]), [2, true])
})

test('uses what was found at first if a longer search finds no more', async () => {
  assert.equal(await read('mpegts', [lateVideo, audio]), [2, false])
  assert.equal(await read('mov,mp4', [lateVideo, lateAudio], [lateVideo, audio]), [2, true])
})

test('searches longer for audio or video in containers that do not list their tracks', async () => {
  assert.equal(await read('mpeg', [video], [video, audio]), [2, true])
  assert.equal(await read('flv', [audio]), [2, false])
  assert.equal(await read('mpegts', [video]), [1, false])
})

test('ignores images, cover art and codecs without a decoder', async () => {
  const cover = { ...lateVideo, disposition: { attached_pic: 1 } }
  assert.equal(await read('png_pipe', [lateVideo]), [1, false])
  assert.equal(await read('mp3', [audio, cover, { ...lateVideo, codec_name: 'unknown' }]), [1, false])
})
