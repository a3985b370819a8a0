import type { S3Client } from '@aws-sdk/client-s3'
import type { SQSClient } from '@aws-sdk/client-sqs'
import type { Daemon } from './daemon.ts'
import type { Documents } from './job/document.ts'
import type { Chain } from './pipeline/chain.ts'
import type { Ffmpeg } from './pipeline/ffmpeg.ts'
import type { ProbeFile } from './pipeline/probe.ts'
import type { Queues } from './queue/queues.ts'
import type { Poller } from './schedule/poller.ts'
import type { Storage } from './storage/storage.ts'

declare const type: unique symbol

/** A symbol that remembers, for the compiler only, what it resolves to. */
export type Token<T> = symbol & { readonly [type]?: T }

const token = <T>(name: string): Token<T> => Symbol(name) as Token<T>

/** The parts that own a connection or that a test may want to replace; everything else is imported. */
export const tokens = {
  S3: token<S3Client>('S3'),
  Sqs: token<SQSClient>('Sqs'),
  Storage: token<Storage>('Storage'),
  Queues: token<Queues>('Queues'),
  Documents: token<Documents>('Documents'),
  Ffmpeg: token<Ffmpeg>('Ffmpeg'),
  Inspect: token<ProbeFile>('Inspect'),
  Chain: token<Chain>('Chain'),
  WorkPoller: token<Poller>('WorkPoller'),
  SweepPoller: token<Poller>('SweepPoller'),
  Daemon: token<Daemon>('Daemon'),
}
