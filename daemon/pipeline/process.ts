import { join } from 'node:path'
import { roundSeconds } from '../vocabulary/clock.ts'
import { MediadError, toMediadError, toMessage } from '../vocabulary/errors.ts'
import { toAttemptFields, toJobFields, type Emit } from '../vocabulary/events.ts'
import type { Written } from '../job/documents.ts'
import type { Intake } from '../job/intake.ts'
import type { JobIndex } from '../job/job-index.ts'
import type { JobDocument, Source } from '../vocabulary/job.ts'
import type { Lease } from '../job/lease.ts'
import type { Settle } from '../job/settle.ts'
import { createWarnings } from '../protocol/bounds.ts'
import { isShared, type FaultReporter } from '../protocol/fault.ts'
import { createVersion } from '../protocol/keys.ts'
import type { Route, Routes } from '../protocol/route.ts'
import type { Message } from '../queue/queue.ts'
import type { Download, Downloaded } from '../storage/download.ts'
import { readIdentityMetadata } from '../vocabulary/identity.ts'
import { PluginFailure, type ChainResult, type RunChain } from './chain.ts'
import type { Probe } from '../vocabulary/media.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import {
  noTracing,
  type SpanAttributes,
  type SpanRequest,
  type TraceSpan,
  type Tracing,
} from '../vocabulary/tracing/tracing.ts'
import type { Publish } from './publish.ts'
import { toSummary } from './summary.ts'
import type { Workspace, Workspaces } from './workspace.ts'

export type ProcessDeps = {
  intake: Intake
  hold(claimed: Written, log: DaemonLog): Lease
  workspaces: Workspaces
  download: Download
  jobIndex: Pick<JobIndex, 'add'>
  pipeline: { inspect(path: string, signal: AbortSignal): Promise<Probe>; runChain: RunChain }
  publish: Publish
  settle: Settle
  routes: Routes
  statePrefix: string
  /** `config.limits.sourceBytes`. */
  maxSourceBytes: number
  /** Aborted at the end of the grace time when the daemon stops; its reason has the verdict `release`. */
  stop: AbortSignal
  emit: Emit
  log: DaemonLog
  /** Default: no spans. */
  tracing?: Tracing
  /** URL of the work queue, for spans. */
  workUrl?: string
}

/** Processes one message completely: message → claim → lease → workspace → source → chain → document. Never throws. */
export function createProcess(deps: ProcessDeps): (message: Message, faults: FaultReporter) => Promise<void> {
  const { tracing = noTracing, workUrl = '' } = deps
  return (message, faults) =>
    tracing.span(toMessageSpan(message, workUrl), (span) => processMessage(deps, { message, faults, span }))
}

type Received = { message: Message; faults: FaultReporter; span: TraceSpan }

async function processMessage(deps: ProcessDeps, { message, faults, span }: Received): Promise<void> {
  const claimed = await deps.intake(message, faults)
  if (claimed === null) return
  const { id, source, claim, attempt, timings } = claimed.document
  span.set(toJobAttributes(claimed.document))
  const log = deps.log.child({ job: id, attempt })
  using lease = deps.hold(claimed, log)
  const signal = AbortSignal.any([lease.signal, deps.stop])
  try {
    lease.assertHeld() // the process may have been paused since the claim
    signal.throwIfAborted()
    log.info({ event: 'job.started', key: source.key, claim }, 'job started')
    deps.emit({ type: 'job:started', ...toJobFields(claimed.document), source })
    const result = await runJob(deps, { lease, route: claimed.route, log, signal })
    await succeed(deps, { lease, log, result })
    faults.reset('job')
  } catch (thrown) {
    const failure = thrown instanceof PluginFailure ? thrown : { timings: [] }
    const plugin = 'plugin' in failure ? { plugin: failure.plugin } : {}
    const error = toJobFailure(thrown, signal)
    span.fail(error)
    if (isShared(error)) faults.trip('job', error)
    await deps.settle({ error, ...plugin, lease, log, timings: { ...toEnded(timings), plugins: failure.timings } })
  }
}

/** Describes the span of a work message by the semantic conventions for messaging. */
function toMessageSpan(message: Message, url: string): SpanRequest {
  const queue = url.split('/').at(-1) ?? ''
  const attributes = {
    'messaging.system': 'aws_sqs',
    'messaging.operation.type': 'process',
    'messaging.operation.name': 'process',
    'messaging.destination.name': queue,
    'messaging.message.id': message.id,
    'aws.sqs.queue.url': url,
  }
  return { name: `process ${queue}`, attributes, message }
}

const toJobAttributes = ({ id, attempt, claim, source }: JobDocument): SpanAttributes => ({
  'mediad.job.id': id,
  'mediad.job.attempt': attempt,
  'mediad.job.claim': claim,
  'aws.s3.bucket': source.bucket,
  'aws.s3.key': source.key,
})

type JobRun = { lease: Lease; route: Route; log: DaemonLog; signal: AbortSignal }

async function runJob(deps: ProcessDeps, run: JobRun): Promise<ChainResult> {
  const { id, source, claim } = run.lease.document
  assertSourceSize(source, deps.maxSourceBytes)
  await using workspace = await deps.workspaces.open({ id, claim, sizeBytes: source.sizeBytes })
  try {
    return await runIn(workspace, deps, run)
  } catch (error) {
    await assertUsable(workspace, error)
    throw error
  }
}

/** An unusable workspace is the cause of any other error. Its error names the plugin of the other one. */
async function assertUsable(workspace: Workspace, error: unknown): Promise<void> {
  try {
    await workspace.assertUsable()
  } catch (unusable) {
    throw error instanceof PluginFailure ? new PluginFailure(error.plugin, unusable, error.timings) : unusable
  }
}

async function runIn(workspace: Workspace, deps: ProcessDeps, run: JobRun): Promise<ChainResult> {
  const { lease, route, log, signal } = run
  const { document } = lease
  const { id, source, claim } = document
  const input = join(workspace.path, 'source')
  await learnIdentity(deps, run, await deps.download({ source, path: input, signal }))
  const probe = await deps.pipeline.inspect(input, signal)
  const warnings = createWarnings()
  lease.addFindings({ media: toSummary(probe) })
  return await deps.pipeline.runChain(route.plugins, {
    document,
    scope: { id, version: createVersion(), source, route, routes: deps.routes, statePrefix: deps.statePrefix },
    workspace: workspace.path,
    input,
    probe,
    signal,
    log,
    onProgress(progress) {
      lease.report(progress)
      deps.emit({ type: 'job:progress', ...toJobFields(document), ...progress })
    },
    onWarning(warning) {
      log.warn({ event: 'job.warned', plugin: warning.plugin }, `job warning: ${warning.message}`)
      deps.emit({ type: 'job:warned', ...toJobFields(document), ...warning })
      lease.addFindings({ warnings: warnings.add(warning) })
    },
    upload: (artifact, options, pluginSignal) =>
      deps.publish(artifact, options, { jobId: id, claim, lease, signal: pluginSignal }),
  })
}

/**
 * Stores the identity that uploaded the source in the document, with the next write, and adds the job to the identity's list. A
 * job does not fail for want of its entry: another attempt adds it, and the log reports it.
 */
async function learnIdentity(
  { jobIndex }: ProcessDeps,
  { lease, log }: JobRun,
  { metadata, uploadedAt }: Downloaded,
): Promise<void> {
  const identity = readIdentityMetadata(metadata)
  if (identity === null) return
  lease.addFindings({ identity })
  try {
    await jobIndex.add(lease.document, { identity, uploadedAt })
  } catch (error) {
    const message = 'job is missing in the list of its identity until another attempt adds it'
    log.warn({ event: 'job.index_failed', error }, `${message}: ${toMessage(error)}`)
  }
}

/** Checks the size stated in the notification, so that a source that cannot be processed is not downloaded. */
export function assertSourceSize({ key, sizeBytes }: Pick<Source, 'key' | 'sizeBytes'>, maxBytes: number): void {
  if (sizeBytes === 0) throw new MediadError('input.empty', `${key} is empty`)
  if (sizeBytes <= maxBytes) return
  const message = `${key} has ${sizeBytes} bytes; limits.sourceBytes is ${maxBytes}. Upload a smaller file, or raise the limit`
  throw new MediadError('input.too_large', message)
}

async function succeed(
  { emit }: ProcessDeps,
  { lease, log, result }: { lease: Lease; log: DaemonLog; result: ChainResult },
): Promise<void> {
  const { timings } = lease.document
  lease.report({ plugin: null, percent: 100 })
  await lease.end({
    state: 'succeeded',
    outputs: result.outputs,
    timings: { ...toEnded(timings), plugins: result.timings },
  })
  const attempt = toAttemptFields(lease.document)
  const keys = result.outputs.map(({ key }) => key)
  log.info({ event: 'job.succeeded', outputs: keys, seconds: roundSeconds(attempt.seconds ?? 0) }, 'job succeeded')
  const bytesOut = result.outputs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  emit({ type: 'job:succeeded', ...toJobFields(lease.document), ...attempt, outputs: result.outputs, bytesOut })
}

/** Converts to a MediadError. If the job was stopped or its lease lost, that is the error, whatever the chain threw. */
function toJobFailure(thrown: unknown, signal: AbortSignal): MediadError {
  if (signal.aborted) return toMediadError(signal.reason, 'internal.plugin')
  return toMediadError(thrown instanceof PluginFailure ? thrown.cause : thrown, 'internal.plugin')
}

const toEnded = (timings: JobDocument['timings']): JobDocument['timings'] => ({
  ...timings,
  endedAt: new Date().toISOString(),
})
