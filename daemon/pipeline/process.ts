import { join } from 'node:path'
import { MediadError, toMediadError } from '../vocabulary/errors.ts'
import type { DaemonEvent } from '../vocabulary/events.ts'
import type { Written } from '../job/documents.ts'
import type { Intake } from '../job/intake.ts'
import type { JobDocument, Source } from '../vocabulary/job.ts'
import type { Lease } from '../job/lease.ts'
import type { Settle } from '../job/settle.ts'
import { createWarnings } from '../protocol/bounds.ts'
import { isShared, type Trouble } from '../protocol/fault.ts'
import type { Message } from '../queue/queue.ts'
import type { Download } from '../storage/download.ts'
import { PluginFailure, type Chain, type ChainResult } from './chain.ts'
import type { Probe } from '../vocabulary/media.ts'
import type { Log } from '../vocabulary/log.ts'
import type { Publish } from './publish.ts'
import { toSummary } from './summary.ts'
import type { Workspace, Workspaces } from './workspace.ts'

export type ProcessParts = {
  intake: Intake
  hold(claimed: Written, log: Log): Lease
  workspaces: Workspaces
  download: Download
  inspect(path: string, signal: AbortSignal): Promise<Probe>
  chain: Chain
  publish: Publish
  settle: Settle
  prefixes: { source: string; state: string }
  /** `config.limits.sourceBytes`. */
  maxSourceBytes: number
  /** Aborts when the grace time of stopping is over; its reason has the verdict `release`. */
  stop: AbortSignal
  emit(event: DaemonEvent): void
  log: Log
}

/** A message's whole story: message → claim → lease → workspace → source → chain → document. Never throws. */
export function createProcess(parts: ProcessParts): (message: Message, trouble: Trouble) => Promise<void> {
  return async (message, trouble) => {
    const claimed = await parts.intake(message, trouble)
    if (claimed === null) return
    const { id, source, claim, attempt, timings } = claimed.document
    const log = parts.log.child({ job: id, attempt })
    using lease = parts.hold(claimed, log)
    const signal = AbortSignal.any([lease.signal, parts.stop])
    try {
      lease.assertHeld() // a pause may have lain between the claim and here
      signal.throwIfAborted()
      log.info({ key: source.key, claim }, 'job started')
      parts.emit({ type: 'job:started', id, source, attempt, claim })
      const result = await runJob(parts, { lease, log, signal })
      await succeed(parts, { lease, log, result })
      trouble.loosen('job')
    } catch (thrown) {
      const failure = thrown instanceof PluginFailure ? thrown : { timings: [] }
      const plugin = 'plugin' in failure ? { plugin: failure.plugin } : {}
      const error = toVerdict(thrown, signal)
      if (isShared(error)) trouble.pull('job', error)
      await parts.settle({ error, ...plugin, lease, log, timings: { ...ended(timings), plugins: failure.timings } })
    }
  }
}

type JobRun = { lease: Lease; log: Log; signal: AbortSignal }

async function runJob(parts: ProcessParts, { lease, log, signal }: JobRun): Promise<ChainResult> {
  const { document } = lease
  const { id, source, claim } = document
  refuseSize(source, parts.maxSourceBytes)
  await using workspace = await parts.workspaces.open({ id, claim, sizeBytes: source.sizeBytes })
  try {
    return await runIn(workspace, parts, { lease, log, signal })
  } catch (error) {
    await workspace.assertUsable() // else whatever failed, failed of that
    throw error
  }
}

async function runIn(workspace: Workspace, parts: ProcessParts, { lease, log, signal }: JobRun): Promise<ChainResult> {
  const { document } = lease
  const { id, source, claim } = document
  const input = join(workspace.path, 'source')
  await parts.download({ source, path: input, signal })
  const probe = await parts.inspect(input, signal)
  const warnings = createWarnings()
  lease.note({ media: toSummary(probe) })
  return await parts.chain.run({
    document,
    scope: { id, source, sourcePrefix: parts.prefixes.source, statePrefix: parts.prefixes.state },
    workspace: workspace.path,
    input,
    probe,
    signal,
    log,
    onProgress(progress) {
      lease.report(progress)
      parts.emit({ type: 'job:progress', id, ...progress })
    },
    onWarning(warning) {
      log.warn({ plugin: warning.plugin }, warning.message)
      lease.note({ warnings: warnings.add(warning) })
    },
    upload: (artifact, options) => parts.publish(artifact, options, { jobId: id, claim, lease, signal }),
  })
}

/** By the size that the notification names: of what cannot be worked on, nothing is downloaded. */
export function refuseSize({ key, sizeBytes }: Pick<Source, 'key' | 'sizeBytes'>, maxBytes: number): void {
  if (sizeBytes === 0) throw new MediadError('input.empty', `${key} is empty`)
  if (sizeBytes <= maxBytes) return
  const message = `${key} has ${sizeBytes} bytes, limits.sourceBytes allows ${maxBytes}: upload a smaller file, or raise the limit`
  throw new MediadError('input.too_large', message)
}

async function succeed(
  { emit }: ProcessParts,
  { lease, log, result }: { lease: Lease; log: Log; result: ChainResult },
): Promise<void> {
  const { id, timings } = lease.document
  lease.report({ plugin: null, percent: 100 })
  await lease.end({
    state: 'succeeded',
    outputs: result.outputs,
    timings: { ...ended(timings), plugins: result.timings },
  })
  const seconds = (Date.now() - Date.parse(timings.startedAt)) / 1000
  log.info({ outputs: result.outputs.map(({ key }) => key), seconds }, 'job succeeded')
  emit({ type: 'job:succeeded', id, outputs: result.outputs, seconds })
}

/** Once the job is stopped or lost, that is the error, whatever it made the chain throw. */
function toVerdict(thrown: unknown, signal: AbortSignal): MediadError {
  if (signal.aborted) return toMediadError(signal.reason, 'internal.plugin')
  return toMediadError(thrown instanceof PluginFailure ? thrown.cause : thrown, 'internal.plugin')
}

const ended = (timings: JobDocument['timings']): JobDocument['timings'] => ({
  ...timings,
  endedAt: new Date().toISOString(),
})
