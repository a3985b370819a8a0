/** Audio whose timestamps jitter or drift, or have real gaps. */
import { rm } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { toSignalInputs } from '../sync.ts'
import { aac, audioInput, encode, h264, videoInput, type Maker, type Makers } from './files.ts'

/** Creates a file and changes its timestamps. The time base of `setts` depends on the version, unless the container stays. */
const retimed =
  (options: readonly string[], filters: readonly string[]): Maker =>
  async (path) => {
    const plain = `${path}.plain${path.slice(path.lastIndexOf('.'))}`
    await ffmpeg([...options, plain])
    await ffmpeg(['-i', plain, '-map', '0', '-c', 'copy', ...filters, path])
    await rm(plain)
  }

/** Moves each timestamp by up to 45 ms, as MediaRecorder does; they still increase. */
const jitter = 'setts=pts=if(eq(N\\,0)\\,PTS\\,max(PREV_OUTPTS+1\\,PTS+trunc(0.045/TB*sin(N*78.233))))'

const tone = [...videoInput({ seconds: 5 }), ...audioInput({ seconds: 5 })]
const webm = ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-c:a', 'libopus']

export const jittered: Makers = {
  'jitter.webm': retimed([...tone, ...webm], ['-bsf:a', jitter]),
  'jitter-aac.mkv': retimed([...tone, ...h264, ...aac], ['-bsf:a', jitter]),
  'jitter-pcm.mkv': retimed([...tone, ...h264, '-c:a', 'pcm_s16le'], ['-bsf:a', jitter]),
}

const times = [0.6, 2.3, 4.1, 5.8, 7.2]
const signals = toSignalInputs({ seconds: 8, at: times })
const stretched = (factor: number): string[] => {
  const filter = `setts=pts=PTS*${factor}:dts=DTS*${factor}`
  return ['-bsf:a', filter, '-bsf:v', filter]
}

export const drifting: Makers = {
  'drift-slow.mkv': retimed([...signals, ...h264, ...aac], stretched(1.01)),
  'drift-fast.mkv': retimed([...signals, ...h264, '-c:a', 'libopus'], stretched(0.99)),
  'gap.mkv': encode(
    toSignalInputs({ seconds: 4, at: [0.6, 1.2, 2.9] }),
    ['-af', "aselect='not(between(t,1.5,2.1))'"],
    [...h264, '-c:a', 'pcm_s16le'],
  ),
}
