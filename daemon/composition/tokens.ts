import type { S3Client } from '@aws-sdk/client-s3'
import type { SQSClient } from '@aws-sdk/client-sqs'
import type { Check } from '../lifecycle/check.ts'
import type { Config } from '../config/config.ts'
import type { Emitter } from '../vocabulary/emitter.ts'
import type { Daemon } from '../lifecycle/daemon.ts'
import type { Gauges } from '../lifecycle/gauges.ts'
import type { Emit } from '../vocabulary/events.ts'
import type { JobPolicy } from '../protocol/decide.ts'
import type { Streams } from '../http/jobs/stream/streams.ts'
import type { Documents } from '../job/documents.ts'
import type { JobIndex } from '../job/job-index.ts'
import type { Pipeline } from './pipeline.ts'
import type { Programs } from '../programs/programs.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Tracing } from '../vocabulary/tracing/tracing.ts'
import type { Workspaces } from '../pipeline/workspace.ts'
import type { Queues } from '../queue/queues.ts'
import type { Poller } from '../schedule/poller.ts'
import type { Storage } from '../storage/storage.ts'

declare const type: unique symbol

/** A symbol with the type that it resolves to, known only to the compiler. */
export type Token<T> = symbol & { readonly [type]?: T }

const token = <T>(name: string): Token<T> => Symbol(name) as Token<T>

/** Tokens of the objects that own a connection or that a test can replace; everything else is imported. */
export const tokens = {
  S3: token<S3Client>('S3'),
  Sqs: token<SQSClient>('Sqs'),
  Storage: token<Storage>('Storage'),
  Queues: token<Queues>('Queues'),
  Documents: token<Documents>('Documents'),
  JobIndex: token<JobIndex>('JobIndex'),
  Streams: token<Streams>('Streams'),
  Pipeline: token<Pipeline>('Pipeline'),
  WorkPoller: token<Poller>('WorkPoller'),
  SweepPoller: token<Poller>('SweepPoller'),
  Gauges: token<Gauges>('Gauges'),
  Daemon: token<Daemon>('Daemon'),
}

/** The base of every composition. */
export type Base = { config: Config; log: DaemonLog }

/** The resources that must be opened before the composition. Their opener closes them. */
export type Opened = Base & {
  programs: Programs
  workspaces: Workspaces
  tracing: Tracing
  /** Version of mediad. */
  version: string
  ffmpegChecks?: Check[]
}

/** The container and the values shared by all factories. Each object is created once, when it is first used. */
export type Graph<Given> = Given & {
  provide<T>(token: Token<T>, create: () => T): void
  use<T>(token: Token<T>): T
  name: string
  limits: JobPolicy
  stopJobs: AbortController
  emit: Emit
  events: Pick<Emitter, 'on'>
}
