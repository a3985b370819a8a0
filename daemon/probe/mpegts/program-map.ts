import { readAt, type OpenFile } from '../bytes.ts'
import { readSections, type Section } from './sections.ts'

/** One program map: the number of the program, and its tracks by their PIDs. */
export type ProgramMap = { readonly program: number; readonly tracks: ReadonlyMap<number, Kind> }

export type Kind = 'video' | 'audio' | 'other'

/** Parts of a file in which maps are searched: their number and size. A map is repeated at least every half second. */
const WINDOWS = { count: 32, bytes: 2 ** 20 } as const

const PAT_PID = 0
const [PAT_TABLE, PMT_TABLE] = [0, 2]

/**
 * Reads the program maps of an MPEG-TS (ISO/IEC 13818-1) in parts of the file from its start to its end, all of it if it is
 * small. Each element holds the maps of one part; parts without a map are left out.
 */
export async function readProgramMaps(file: OpenFile): Promise<ProgramMap[][]> {
  const { size } = file
  const count = Math.min(WINDOWS.count, Math.max(1, Math.ceil(size / WINDOWS.bytes)))
  const parts: ProgramMap[][] = []
  let pmtPids: ReadonlySet<number> = new Set()
  for (let n = 0; n < count; n++) {
    const at = count === 1 ? 0 : Math.floor((n * Math.max(0, size - WINDOWS.bytes)) / (count - 1))
    const bytes = await readAt(file, at, WINDOWS.bytes)
    const listed = readSections(bytes, new Set([PAT_PID])).flatMap(toPmtPids)
    pmtPids = listed.length > 0 ? new Set(listed) : pmtPids
    const maps = readSections(bytes, pmtPids).flatMap(toMap)
    if (maps.length > 0) parts.push(maps)
  }
  return parts
}

/**
 * Returns the share of the file that has a track: where the map of its program lists another one of the same kind instead, it
 * was replaced. A track that comes late or ends early without a replacement, and one that no map lists, count as complete.
 */
export function toMappedShare(parts: readonly (readonly ProgramMap[])[], pid: number): number {
  const first = parts.flat().find(({ tracks }) => tracks.has(pid))
  const kind = first?.tracks.get(pid)
  if (first === undefined || kind === 'other') return 1
  const isReplaced = ({ tracks }: ProgramMap) => !tracks.has(pid) && [...tracks.values()].includes(kind ?? 'other')
  const shares = parts.map((maps) => {
    const own = maps.filter(({ program }) => program === first.program)
    // without a map of the program, another program can have replaced all of it
    const described = own.length > 0 ? own : maps
    return 1 - described.filter(isReplaced).length / described.length
  })
  return shares.reduce((sum, share) => sum + share, 0) / shares.length
}

/** Returns the share of an MPEG-TS in which the tracks with these PIDs are not replaced by others. */
export async function readMappedShare(file: OpenFile, pids: readonly number[]): Promise<number> {
  const parts = await readProgramMaps(file)
  return Math.min(1, ...pids.map((pid) => toMappedShare(parts, pid)))
}

/** Returns the PIDs of the program maps that a program association table lists. Program 0 is the network table. */
function toPmtPids({ table, body }: Section): number[] {
  const pids: number[] = []
  if (table !== PAT_TABLE) return pids
  for (let at = 0; at + 4 <= body.length; at += 4)
    if (body.readUInt16BE(at) !== 0) pids.push(body.readUInt16BE(at + 2) & 0x1fff)
  return pids
}

function toMap({ table, id, body }: Section): ProgramMap[] {
  if (table !== PMT_TABLE || body.length < 4) return []
  const tracks = new Map<number, Kind>()
  for (let at = 4 + (body.readUInt16BE(2) & 0xfff); at + 5 <= body.length;) {
    const end = at + 5 + (body.readUInt16BE(at + 3) & 0xfff)
    tracks.set(body.readUInt16BE(at + 1) & 0x1fff, toKind(body[at] ?? 0, body.subarray(at + 5, end)))
    at = end
  }
  return tracks.size === 0 ? [] : [{ program: id, tracks }]
}

/** Stream types of video and of audio, of the standard and of ATSC; type 6 is private data, which its descriptors name. */
const videoTypes: ReadonlySet<number> = new Set([0x01, 0x02, 0x10, 0x1b, 0x24, 0x33, 0x42, 0xd1, 0xd2, 0xea])
const audioTypes: ReadonlySet<number> = new Set([0x03, 0x04, 0x0f, 0x11, 0x1c, 0x80, 0x81, 0x82, 0x84, 0x87])
const PRIVATE_TYPE = 6
/** Descriptors of AC-3, E-AC-3, DTS and AAC (ETSI EN 300 468), and the registration descriptor with its formats. */
const audioDescriptors: ReadonlySet<number> = new Set([0x6a, 0x7a, 0x7b, 0x7c])
const REGISTRATION = 5
const audioFormats: ReadonlySet<string> = new Set(['AC-3', 'EAC3', 'DTS1', 'DTS2', 'DTS3', 'Opus', 'BSSD'])

function toKind(type: number, descriptors: Buffer): Kind {
  if (videoTypes.has(type)) return 'video'
  if (audioTypes.has(type)) return 'audio'
  return type === PRIVATE_TYPE && hasAudioDescriptor(descriptors) ? 'audio' : 'other'
}

function hasAudioDescriptor(descriptors: Buffer): boolean {
  for (let at = 0; at + 2 <= descriptors.length; at += 2 + (descriptors[at + 1] ?? 0)) {
    const tag = descriptors[at] ?? 0
    if (audioDescriptors.has(tag)) return true
    if (tag === REGISTRATION && audioFormats.has(descriptors.toString('latin1', at + 2, at + 6))) return true
  }
  return false
}
