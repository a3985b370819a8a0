import { open, type FileHandle } from 'node:fs/promises'
import { toFields, toInteger, toList } from '../fields.ts'
import { readSections, type Section } from './sections.ts'
import type { Probe } from '../../vocabulary/media.ts'

/** One program map: the number of the program, and the PIDs of its tracks. */
export type ProgramMap = { readonly program: number; readonly pids: ReadonlySet<number> }

/** Parts of a file in which maps are searched: their number and size. A map is repeated at least every half second. */
const WINDOWS = { count: 32, bytes: 2 ** 20 } as const

const PAT_PID = 0
const [PAT_TABLE, PMT_TABLE] = [0, 2]

/**
 * Reads the program maps of an MPEG-TS (ISO/IEC 13818-1) in parts of the file from its start to its end, all of it if it is
 * small. Each element holds the maps of one part; parts without a map are left out.
 */
export async function readProgramMaps(path: string): Promise<ProgramMap[][]> {
  await using file = await open(path)
  const { size } = await file.stat()
  const count = Math.min(WINDOWS.count, Math.max(1, Math.ceil(size / WINDOWS.bytes)))
  const parts: ProgramMap[][] = []
  let pmtPids: ReadonlySet<number> = new Set()
  for (let n = 0; n < count; n++) {
    const at = count === 1 ? 0 : Math.floor((n * Math.max(0, size - WINDOWS.bytes)) / (count - 1))
    const bytes = await readWindow(file, at)
    const listed = readSections(bytes, new Set([PAT_PID])).flatMap(toPmtPids)
    pmtPids = listed.length > 0 ? new Set(listed) : pmtPids
    const maps = readSections(bytes, pmtPids).flatMap(toMap)
    if (maps.length > 0) parts.push(maps)
  }
  return parts
}

/** Returns the share of the file in which the map of its program lists a PID. 1 for a PID that no map lists. */
export function toMappedShare(parts: readonly (readonly ProgramMap[])[], pid: number): number {
  const program = parts.flat().find(({ pids }) => pids.has(pid))?.program
  if (program === undefined) return 1
  const shares = parts.map((maps) => {
    const own = maps.filter((map) => map.program === program)
    return own.length === 0 ? 0 : own.filter(({ pids }) => pids.has(pid)).length / own.length
  })
  return shares.reduce((sum, share) => sum + share, 0) / shares.length
}

async function readWindow(file: FileHandle, at: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(WINDOWS.bytes), 0, WINDOWS.bytes, at)
  return buffer.subarray(0, bytesRead)
}

/**
 * Returns the share of an MPEG-TS in which the map of a program lists the selected tracks; 1 for other files. `json` is what
 * ffprobe printed, whose `id` of a stream is its PID.
 */
export async function readMappedShare(path: string, { probe, json }: { probe: Probe; json: unknown }): Promise<number> {
  if (probe.format !== 'mpegts') return 1
  const selected = new Set([probe.video?.index, probe.audio?.index])
  const streams = toList(toFields(json).streams).filter(({ index }) => selected.has(Number(index)))
  const parts = await readProgramMaps(path)
  return Math.min(...streams.map(({ id }) => toMappedShare(parts, toInteger(id))))
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
  const pids = new Set<number>()
  for (let at = 4 + (body.readUInt16BE(2) & 0xfff); at + 5 <= body.length;) {
    pids.add(body.readUInt16BE(at + 1) & 0x1fff)
    at += 5 + (body.readUInt16BE(at + 3) & 0xfff)
  }
  return pids.size === 0 ? [] : [{ program: id, pids }]
}
