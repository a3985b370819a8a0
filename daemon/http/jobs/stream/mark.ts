import { createHash } from 'node:crypto'
import type { JobDocument } from '../../../vocabulary/job.ts'

/** What a client knows about a job at present, as far as events depend on it. */
export type Mark = {
  /** Revision of the document; 0 without one. */
  readonly rev: number
  /** `none` before the first event. */
  readonly phase: Phase | 'none'
  /** Identifies the claim, or the redrive, that led to the phase. A document that was deleted and written again has others. */
  readonly run: string
  readonly progress: string
  /** The outputs that a player can open; empty without any. */
  readonly playable: string
  /** All outputs; empty without any. */
  readonly outputs: string
}

const phases = ['queued', 'started', 'failed', 'succeeded', 'dead'] as const

export type Phase = (typeof phases)[number]

/** The mark of a client that has received nothing. */
export const nothing: Mark = { rev: 0, phase: 'none', run: '', progress: '', playable: '', outputs: '' }

/** Returns the mark of a client that has received everything about a document; null for an upload without one. */
export function toMark(document: JobDocument | null): Mark {
  if (document === null) return { ...nothing, phase: 'queued' }
  const { rev, claim, redrivenAt, timings, progress, media, warnings = [], outputs } = document
  return {
    rev,
    phase: toPhase(document),
    run: digest([claim, timings.startedAt, redrivenAt ?? null]),
    progress: digest([progress, media !== undefined, warnings.length]),
    playable: digestOutputs(outputs.filter(({ contentType }) => playable.test(contentType))),
    outputs: digestOutputs(outputs),
  }
}

/** Video, audio, playlists of HLS and manifests of DASH. */
const playable = /^(?:(?:video|audio)\/|application\/(?:vnd\.apple\.mpegurl|x-mpegurl|dash\+xml)\b)/i

function toPhase({ state, redrivenAt }: JobDocument): Phase {
  if (state === 'processing') return 'started'
  if (state === 'released' || (state === 'dead' && redrivenAt !== undefined)) return 'queued'
  return state
}

const fields = ['run', 'progress', 'playable', 'outputs'] as const

/** Renders a mark as the id of an event. */
export function renderMark(mark: Mark): string {
  return [mark.rev, mark.phase, ...fields.map((name) => mark[name])].join('.')
}

const rendered = new RegExp(String.raw`^\d{1,15}\.(?:none|${phases.join('|')})(?:\.(?:[\w-]{8})?){4}$`)

/** Parses the id of an event; null if a client sends something else. */
export function parseMark(id: string | null): Mark | null {
  if (id === null || !rendered.test(id)) return null
  const [rev, phase, run = '', progress = '', playable = '', outputs = ''] = id.split('.')
  return { rev: Number(rev), phase: phase as Mark['phase'], run, progress, playable, outputs }
}

function digestOutputs(outputs: JobDocument['outputs']): string {
  return outputs.length === 0 ? '' : digest(outputs.map(({ key, etag }) => [key, etag]))
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 8)
}
