import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DaemonLog } from '../vocabulary/log.ts'
import { openDatabase } from './objects/database.ts'
import { startS3 } from './s3/server.ts'
import { startSqs } from './sqs/server.ts'

const UNSET = [
  'AWS_PROFILE',
  'AWS_SESSION_TOKEN',
  'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
  'AWS_USE_FIPS_ENDPOINT',
  'AWS_USE_DUALSTACK_ENDPOINT',
]
const QUEUES = { work: 'mediad-work', inProgress: 'mediad-in-progress', dead: 'mediad-dead' }

export type LocalOptions = {
  /** Holds objects, queues and messages, which survive a restart. Only one process at a time can use it. */
  readonly dataDirectory: string
  /** Default 0: a free port. */
  readonly s3Port?: number
  /** Default 0: a free port. */
  readonly sqsPort?: number
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string
  /** Writes under these prefixes cause no event notification. Default `['.mediad/']`, the job documents. */
  readonly quietPrefixes?: readonly string[]
  /** Default: no log. Nothing is written to stdout. */
  readonly log?: DaemonLog
}

export type Local = {
  readonly s3Endpoint: string
  readonly sqsEndpoint: string
  readonly queueUrls: Readonly<Record<keyof typeof QUEUES, string>>
  /** Environment variables for the AWS SDK, and for a config that reads `MEDIAD_…_QUEUE_URL`. */
  readonly env: Readonly<Record<string, string>>
  /** Variables that must not be set together with {@link Local.env}: the SDK prefers them. */
  readonly unset: readonly string[]
  /**
   * Creates a bucket with CORS rules for browsers. Does nothing when it exists.
   * @throws MediadError `config.storage` when the name is not a valid bucket name.
   */
  createBucket(name: string): Promise<void>
  /** Stops both servers. Aborts requests in progress; loses no write that was confirmed. */
  close(): Promise<void>
}

/**
 * Starts an S3 and an SQS server in this process, for use without AWS. Every write to any bucket sends an event
 * notification to the work queue, as a bucket configured with `s3:ObjectCreated:*` does. Any number of clients and
 * processes can use the servers.
 * @throws MediadError `config.storage`, `config.queue` when a port or the data directory is in use.
 */
export async function startLocal(options: LocalOptions): Promise<Local> {
  const { dataDirectory, s3Port = 0, sqsPort = 0, host = '127.0.0.1', quietPrefixes = ['.mediad/'], log } = options
  await mkdir(dataDirectory, { recursive: true })
  const closers: (() => void | Promise<void>)[] = []
  const close = async () => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer()
  }
  try {
    const database = openDatabase(join(dataDirectory, 's3.db')) // first: its lock keeps other processes out of the folder
    closers.push(database.close)
    const sqs = await startSqs({
      directory: join(dataDirectory, 'sqs'),
      host,
      port: sqsPort,
      queues: Object.values(QUEUES),
    })
    closers.push(sqs.close)
    const directory = join(dataDirectory, 'objects')
    const send = (body: string) => sqs.send(QUEUES.work, body)
    const s3 = await startS3({ directory, database, host, port: s3Port, quietPrefixes, send, log })
    closers.push(s3.close)
    const queueUrls = {
      work: sqs.queueUrl(QUEUES.work),
      inProgress: sqs.queueUrl(QUEUES.inProgress),
      dead: sqs.queueUrl(QUEUES.dead),
    }
    return {
      s3Endpoint: s3.endpoint,
      sqsEndpoint: sqs.endpoint,
      queueUrls,
      unset: UNSET,
      env: toEnvironment({ s3Endpoint: s3.endpoint, sqsEndpoint: sqs.endpoint, queueUrls }),
      createBucket: async (name) => s3.createBucket(name),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function toEnvironment({
  s3Endpoint,
  sqsEndpoint,
  queueUrls,
}: Pick<Local, 's3Endpoint' | 'sqsEndpoint' | 'queueUrls'>) {
  return Object.freeze({
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'S3RVER', // s3rver's built-in account
    AWS_SECRET_ACCESS_KEY: 'S3RVER',
    AWS_ENDPOINT_URL_S3: s3Endpoint,
    AWS_ENDPOINT_URL_SQS: sqsEndpoint,
    MEDIAD_WORK_QUEUE_URL: queueUrls.work,
    MEDIAD_IN_PROGRESS_QUEUE_URL: queueUrls.inProgress,
    MEDIAD_DEAD_QUEUE_URL: queueUrls.dead,
  })
}
