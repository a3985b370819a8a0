import { startLocal } from '../local/local.ts'
import { listenForStop } from '../terminal/signals.ts'
import type { Terminal } from '../terminal/terminal.ts'

export type LocalOptions = { s3Port?: number; sqsPort?: number; bucket: string; data: string }

/** `mediad local`: runs the embedded S3 and SQS until a signal, and prints their environment for a shell to source. */
export async function local({ log }: Terminal, { s3Port = 0, sqsPort = 0, bucket, data }: LocalOptions): Promise<0> {
  using signals = listenForStop()
  const cloud = await startLocal({ dataDirectory: data, s3Port, sqsPort })
  try {
    await cloud.createBucket(bucket)
    const env = { ...cloud.env, MEDIAD_BUCKET: bucket }
    process.stdout.write(`unset ${cloud.unset.join(' ')}\n`)
    for (const [name, value] of Object.entries(env)) process.stdout.write(`export ${name}=${quote(value)}\n`)
    await signals.first
  } finally {
    await cloud.close()
  }
  log.debug({ event: 'local.stopped' }, 'embedded S3 and SQS stopped')
  return 0
}

/** Quotes a value for a POSIX shell. */
const quote = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`
