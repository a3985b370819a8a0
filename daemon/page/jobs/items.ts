import type { Job } from '../../client/index.ts'
import type { PageUpload } from '../upload/upload.ts'
import { renderBytes, renderCodec, renderDuration, renderTimeLeft } from '../words.ts'
import { toTitle } from './job.ts'

/** One line of the page: an upload, its job, or both. */
export type Item = {
  readonly id: string
  readonly title: string
  readonly upload: PageUpload | null
  readonly job: Job | null
  readonly status: ItemStatus
}

export type ItemStatus = {
  readonly tone: 'quiet' | 'active' | 'good' | 'warn' | 'bad'
  readonly text: string
  /** What went wrong, in words; null when nothing did. */
  readonly problem: string | null
  /** From 0 to 100; null when there is nothing to wait for, or the end is unknown. */
  readonly percent: number | null
  /** True while something happens, so that a bar is shown. */
  readonly isRunning: boolean
}

type Known = { uploads: readonly PageUpload[]; jobs: ReadonlyMap<string, Job>; listed: readonly string[] }

/** Joins uploads with their jobs. An upload stays one item, with one id, when it becomes a job. */
export function toItems({ uploads, jobs, listed }: Known): { own: Item[]; recent: Item[] } {
  const keys = new Set(uploads.map(({ key }) => key))
  const recent = listed.filter((key) => !keys.has(key))
  return {
    own: uploads.map((upload) => {
      const job = upload.key === null ? null : (jobs.get(upload.key) ?? null)
      return { id: upload.id, title: upload.name, upload, job, status: toStatus(upload, job) }
    }),
    recent: recent.map((key) => {
      const job = jobs.get(key) ?? null
      return { id: key, title: toTitle(key), upload: null, job, status: toStatus(null, job) }
    }),
  }
}

function toStatus(upload: PageUpload | null, job: Job | null): ItemStatus {
  return upload !== null && upload.state !== 'sent' ? toUploadStatus(upload) : toJobStatus(job)
}

const idle = { problem: null, percent: null, isRunning: false }

function toUploadStatus({ state, sizeBytes, sentBytes, problem, willRetry, secondsLeft }: PageUpload): ItemStatus {
  const percent = sizeBytes > 0 ? Math.min(100, Math.floor((sentBytes / sizeBytes) * 100)) : 0
  const amount = `${renderBytes(sentBytes)} of ${renderBytes(sizeBytes)}`
  switch (state) {
    case 'waiting':
      return { ...idle, tone: 'active', text: `Starting · ${renderBytes(sizeBytes)}`, percent: 0, isRunning: true }
    case 'uploading': {
      const left = secondsLeft === null || percent === 100 ? '' : ` · ${renderTimeLeft(secondsLeft)}`
      return { ...idle, tone: 'active', text: `Uploading ${percent} % · ${amount}${left}`, percent, isRunning: true }
    }
    case 'paused':
      return { ...idle, tone: 'quiet', text: `Paused at ${percent} % · ${amount}`, percent, isRunning: true }
    case 'failed':
      return {
        tone: willRetry ? 'warn' : 'bad',
        text: willRetry ? 'Upload interrupted · trying again soon' : 'Upload failed',
        problem,
        percent,
        isRunning: willRetry,
      }
    case 'lost':
      return { ...idle, tone: 'warn', text: `Interrupted at ${percent} % · choose the file again to continue` }
    case 'cancelled':
      return { ...idle, tone: 'quiet', text: 'Upload cancelled' }
    case 'sent':
      return toJobStatus(null)
  }
}

function toJobStatus(job: Job | null): ItemStatus {
  if (job === null) return { ...idle, tone: 'active', text: 'Uploaded · waiting for processing', isRunning: true }
  const { state, progress, attempt, error } = job
  const percent = progress.percent
  switch (state) {
    case 'queued':
      return { ...idle, tone: 'active', text: 'Uploaded · waiting for processing', isRunning: true }
    case 'processing': {
      const plugin = progress.plugin === null ? '' : ` · ${progress.plugin}`
      return { ...idle, tone: 'active', text: `Processing ${percent} %${plugin}`, percent, isRunning: true }
    }
    case 'failed':
      return {
        tone: 'warn',
        text: `Attempt ${attempt} failed · trying again`,
        problem: error?.message ?? null,
        percent,
        isRunning: true,
      }
    case 'released':
      return { ...idle, tone: 'active', text: `Waiting to continue at ${percent} %`, percent, isRunning: true }
    case 'succeeded':
      return { ...idle, tone: 'good', text: describeResult(job) }
    case 'dead':
      return { ...idle, tone: 'bad', text: 'Processing failed', problem: error?.message ?? 'The reason is unknown.' }
  }
}

/** Describes a source or its result: `0:12 · 1920×1080 · H.264`. */
function describeResult({ source: { media, sizeBytes } }: Job): string {
  const parts = [
    media?.durationSeconds === undefined ? null : renderDuration(media.durationSeconds),
    media?.width === undefined ? null : `${media.width}×${media.height}`,
    media?.codec === undefined ? null : renderCodec(media.codec),
    sizeBytes === undefined ? null : renderBytes(sizeBytes),
  ]
  return ['Ready', ...parts.filter((part) => part !== null)].join(' · ')
}
