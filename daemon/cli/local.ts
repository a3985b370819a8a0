import { listenForStop } from '../terminal/signals.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { renderLocalEnvironment, writeLocalEnvironment } from './local-env.ts'
import { loadLocal } from './load-local.ts'

export type LocalOptions = { s3Port?: number; sqsPort?: number; bucket: string; data: string }

/**
 * `mediad local`: runs the embedded S3 and SQS until a signal, and prints their environment for a shell to source. Reports on
 * stderr that they are ready, because stdout is usually redirected to a file.
 */
export async function local({ log }: Terminal, { s3Port = 0, sqsPort = 0, bucket, data }: LocalOptions): Promise<0> {
  using signals = listenForStop()
  const { startLocal } = await loadLocal()
  const cloud = await startLocal({ dataDirectory: data, s3Port, sqsPort })
  try {
    await cloud.createBucket(bucket)
    const text = renderLocalEnvironment(cloud, bucket)
    const environment = await writeLocalEnvironment(data, text)
    try {
      process.stdout.write(text)
      process.stderr.write(`${describe(cloud.s3Endpoint, cloud.sqsEndpoint, data)}\n`)
      await signals.first
    } finally {
      await environment.remove()
    }
  } finally {
    await cloud.close()
  }
  log.debug({ event: 'local.stopped' }, 'embedded S3 and SQS stopped')
  return 0
}

function describe(s3: string, sqs: string, data: string): string {
  return `mediad local is ready: S3 at ${s3}, SQS at ${sqs}, data in ${data}. Stop it with Ctrl-C`
}
