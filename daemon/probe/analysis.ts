import { toFields, toInteger, toList, toText, type Fields } from './fields.ts'
import { withoutUndecodable } from './parse.ts'
import { isCover, isDecodable } from './pick.ts'

/** Containers without a list of their tracks: ffprobe finds a track when it reads its first packet. */
const withoutTrackList: ReadonlySet<string> = new Set(['mpeg', 'flv'])

/**
 * Counts what is missing and can come later in the file: tracks without parameters, such as H.264 before its first key frame,
 * and the audio or video of a program stream that has only one of them so far. `json` is what ffprobe printed.
 */
function countMissing(json: unknown): number {
  const { format, streams: list } = toFields(json)
  const name = toText(toFields(format).format_name) ?? ''
  if (name.endsWith('_pipe')) return 0
  const streams = toList(list).filter((stream) => isDecodable(stream) && !isCover(stream))
  const incomplete = streams.filter(isWithoutParameters).length
  const kinds = ['video', 'audio'].filter((kind) => streams.some(({ codec_type }) => codec_type === kind))
  return withoutTrackList.has(name) ? incomplete + 2 - kinds.length : incomplete
}

function isWithoutParameters(stream: Fields): boolean {
  if (stream.codec_type === 'audio') return toInteger(stream.channels) === 0 || toInteger(stream.sample_rate) === 0
  return stream.codec_type === 'video' && (toInteger(stream.width) === 0 || toText(stream.pix_fmt) === null)
}

/** What ffprobe printed: its JSON, the last lines of its stderr, and all of its stderr. */
export type Printed = { readonly json: unknown; readonly lines: string[]; readonly stderr: string }

/** The tracks of a file. `tracks` is the JSON without the codecs that cannot be decoded, `isLong` how it was found. */
export type Tracks = Omit<Printed, 'json'> & { readonly tracks: unknown; readonly isLong: boolean }

/** Reads the tracks of a file. Where something is missing, ffprobe searches longer; that counts if it finds more. */
export async function findTracks(queryTracks: (isLong: boolean) => Promise<Printed>): Promise<Tracks> {
  const query = async (isLong: boolean): Promise<Tracks> => {
    const { json, lines, stderr } = await queryTracks(isLong)
    return { tracks: withoutUndecodable(json, stderr), lines, stderr, isLong }
  }
  const short = await query(false)
  if (countMissing(short.tracks) === 0) return short
  const long = await query(true)
  return countMissing(long.tracks) < countMissing(short.tracks) ? long : short
}
