import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { startLocal, type Local, type LocalOptions } from '../../daemon/local/local.ts'
import { temporaryFolder } from './folder.ts'

export const BUCKET = 'media'

/** Numbers of messages on a queue: available, received but not deleted, and delayed. */
export type Counts = { visible: number; hidden: number; delayed: number }

export type Cloud = Clients & AsyncDisposable & { readonly local: Local }

/** Starts an embedded S3 and SQS for one test, with a new folder, free ports and the bucket `media`. Use `await using`. */
export async function startCloud(options: Partial<LocalOptions> = {}): Promise<Cloud> {
  const folder = await temporaryFolder()
  const local = await startLocal({ dataDirectory: folder.path, ...options })
  await local.createBucket(BUCKET)
  const clients = openClients(local)
  return {
    ...clients,
    local,
    async [Symbol.asyncDispose]() {
      clients.close()
      await local.close()
      await folder[Symbol.asyncDispose]()
    },
  }
}

export type Clients = {
  readonly s3: S3Client
  readonly sqs: SQSClient
  /** Writes an object; returns its ETag, without quotes. */
  put(key: string, body: string | Uint8Array): Promise<string>
  /** Reads the content of an object. */
  get(key: string): Promise<Buffer>
  /** Lists all keys of the bucket in order. */
  list(prefix?: string): Promise<string[]>
  messages(queueUrl: string): Promise<Counts>
  /** Closes all sockets. */
  close(): void
}

/** Opens clients of a running cloud. They do not retry, so that a test sees every error. */
export function openClients({ env }: Pick<Local, 'env'>): Clients {
  const settings = {
    region: env.AWS_REGION ?? '',
    credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID ?? '', secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? '' },
    maxAttempts: 1,
  }
  const s3 = new S3Client({
    ...settings,
    endpoint: env.AWS_ENDPOINT_URL_S3 ?? '',
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  const sqs = new SQSClient({ ...settings, endpoint: env.AWS_ENDPOINT_URL_SQS ?? '' })
  return {
    s3,
    sqs,
    async put(key, body) {
      const { ETag = '' } = await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: Buffer.from(body) }))
      return ETag.replaceAll('"', '')
    },
    async get(key) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }))
      return Buffer.from((await Body?.transformToByteArray()) ?? [])
    },
    list: (prefix) => listKeys(s3, prefix),
    messages: (queueUrl) => countMessages(sqs, queueUrl),
    close() {
      s3.destroy()
      sqs.destroy()
    },
  }
}

async function listKeys(s3: S3Client, prefix?: string): Promise<string[]> {
  const keys: string[] = []
  let token: string | undefined
  do {
    const page = await s3.send(
      new ListObjectsV2Command({
        Bucket: BUCKET,
        ...(prefix && { Prefix: prefix }),
        ...(token && { ContinuationToken: token }),
      }),
    )
    keys.push(...(page.Contents ?? []).map(({ Key = '' }) => Key))
    token = page.NextContinuationToken
  } while (token !== undefined)
  return keys
}

async function countMessages(sqs: SQSClient, queueUrl: string): Promise<Counts> {
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] }),
  )
  return {
    visible: Number(Attributes.ApproximateNumberOfMessages),
    hidden: Number(Attributes.ApproximateNumberOfMessagesNotVisible),
    delayed: Number(Attributes.ApproximateNumberOfMessagesDelayed),
  }
}
