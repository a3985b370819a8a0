/** Audio with many channels, without positions, or in several mono tracks. */
import { readFile, writeFile } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { encode, h264, videoInput, writeContent, type Maker, type Makers } from './files.ts'

/** Pitch of each channel by its number: 300, 500, 700 Hz, … */
export const pitchOf = (channel: number): number => 300 + 200 * channel

const tones = (layout: string, count: number): string[] => {
  const channels = Array.from({ length: count }, (_, n) => `0.9*sin(2*PI*${pitchOf(n)}*t)`)
  return ['-f', 'lavfi', '-i', `aevalsrc=${channels.join('|')}:c=${layout}:d=1:s=48000`]
}

/** Creates a WAV file of one second whose header has no mask of positions. */
const withoutMask = (count: number): Maker => writeContent(createWav(count))

function createWav(count: number): Buffer {
  const rate = 48_000
  const bytes = Buffer.alloc(44 + rate * count * 2)
  bytes.write('RIFF')
  bytes.writeUInt32LE(bytes.length - 8, 4)
  bytes.write('WAVEfmt ', 8)
  bytes.writeUInt32LE(16, 16)
  for (const [at, value] of [
    [20, 1],
    [22, count],
    [32, 2 * count],
    [34, 16],
  ] as const)
    bytes.writeUInt16LE(value, at)
  bytes.writeUInt32LE(rate, 24)
  bytes.writeUInt32LE(rate * count * 2, 28)
  bytes.write('data', 36)
  bytes.writeUInt32LE(bytes.length - 44, 40)
  for (let n = 0; n < rate * count; n++) {
    const angle = (2 * Math.PI * pitchOf(n % count) * Math.floor(n / count)) / rate
    bytes.writeInt16LE(Math.round(32_000 * Math.sin(angle)), 44 + 2 * n)
  }
  return bytes
}

/** Creates mono tracks with labels. The centre has the layout `mono`. */
const monoTracks = (...positions: readonly string[]): Maker =>
  encode(
    videoInput({ seconds: 1 }),
    positions.flatMap((_, n) => ['-f', 'lavfi', '-i', `sine=frequency=${pitchOf(n)}:sample_rate=48000:duration=1`]),
    ['-map', '0', ...h264, '-c:a', 'pcm_s16le'],
    positions.flatMap((position, n) => ['-map', `${n + 1}`, `-filter:a:${n}`, `pan=${position}|c0=c0`]),
  )

/** Creates Opus with four channels in ambisonic order: a tone on the left. */
async function createAmbisonic(path: string): Promise<void> {
  const field = `0.5*sin(2*PI*300*t)|0.5*sin(2*PI*300*t)|0|0`
  const input = ['-f', 'lavfi', '-i', `aevalsrc=${field}:c=4.0:d=1:s=48000`]
  await ffmpeg([...input, '-c:a', 'libopus', '-mapping_family', '255', path])
  const bytes = await readFile(path)
  bytes[bytes.indexOf('OpusHead') + 18] = 2 // the mapping family
  await writeFile(path, bytes)
}

export const manyChannels: Makers = {
  'surround.m4a': encode(tones('5.1', 6), '-c:a', 'aac', '-b:a', '512k'),
  'surround-7.1.flac': encode(tones('7.1', 8)),
  'quad.wav': encode(tones('quad', 4)),
  'ten-channels.wav': withoutMask(10),
  'seventy-channels.wav': withoutMask(70),
  'ambisonic.mka': createAmbisonic,
}

export const labelledTracks: Makers = {
  'left-right.mov': monoTracks('FL', 'FR'),
  'six-tracks.mov': monoTracks('FL', 'FR', 'mono', 'LFE', 'BL', 'BR'),
  'right-left.mov': monoTracks('FR', 'FL'),
  'left-right-commentary.mov': monoTracks('FL', 'FR', 'mono'),
  'unlabelled.mov': monoTracks('mono', 'mono'),
}

export const changingChannels: Makers = {
  'stereo-then-surround.ts': async (path) => {
    const parts = [tones('stereo', 2), tones('5.1', 6)]
    for (const [n, input] of parts.entries())
      await ffmpeg([...input, '-c:a', 'ac3', '-b:a', '448k', `${path}.${n}.ac3`])
    const joined = await Promise.all(parts.map((_, n) => readFile(`${path}.${n}.ac3`)))
    await writeFile(`${path}.ac3`, Buffer.concat(joined))
    await ffmpeg(['-i', `${path}.ac3`, '-c', 'copy', path])
  },
}
