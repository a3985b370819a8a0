/**
 * A worker on sqs-consumer that does what the default chain's ffmpeg commands do: downloads the source, runs the commands, and
 * uploads the results. It is what someone would write who knows SQS well: a message stays hidden by heartbeats while its job
 * runs, and is deleted after it. One consumer per slot, because a consumer with a larger batch waits for the whole batch
 * before it receives again.
 *
 * Its argument is a JSON object, see {@link WorkerOptions}. It prints `ready` and a line for every job.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Consumer } from 'sqs-consumer'
import { FOLDER, type Command } from './command.ts'

export type WorkerOptions = {
  queueUrl: string
  bucket: string
  /** Folder for the folders of the jobs. */
  folder: string
  slots: number
  ffmpeg: string
  /** Empty: a job does nothing. */
  commands: readonly Command[]
}

if (import.meta.main) start(JSON.parse(process.argv[2] ?? '{}') as WorkerOptions)

function start(options: WorkerOptions): void {
  const s3 = new S3Client({ forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' })
  for (let slot = 0; slot < options.slots; slot++) {
    const consumer = Consumer.create({
      queueUrl: options.queueUrl,
      waitTimeSeconds: 20,
      visibilityTimeout: 60,
      heartbeatInterval: 20,
      async handleMessage(message) {
        const { Records = [] } = JSON.parse(message.Body ?? '{}') as { Records?: { s3: { object: { key: string } } }[] }
        for (const record of Records) {
          // on AWS, the filter of the bucket's notification leaves out the results
          if (!record.s3.object.key.startsWith('origin_')) continue
          if (options.commands.length > 0) await runJob(s3, options, record.s3.object.key)
          console.log(record.s3.object.key)
        }
        return message
      },
    })
    consumer.on('error', (error) => console.error(error.message))
    consumer.on('processing_error', (error) => console.error(error.message))
    consumer.start()
  }
  console.log('ready')
}

async function runJob(s3: S3Client, { bucket, folder, ffmpeg, commands }: WorkerOptions, key: string): Promise<void> {
  const workspace = await mkdtemp(join(folder, 'job-'))
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
    await pipeline(Body as Readable, createWriteStream(join(workspace, 'source')))
    for (const command of commands)
      await run(
        ffmpeg,
        command.map((word) => word.replaceAll(FOLDER, workspace)),
      )
    const results = (await readdir(workspace)).filter((name) => name !== 'source' && !name.startsWith('.'))
    for (const name of results) {
      const path = join(workspace, name)
      const { size } = await stat(path)
      const target = { Bucket: bucket, Key: `result/${key}/${name}` }
      await s3.send(new PutObjectCommand({ ...target, Body: createReadStream(path), ContentLength: size }))
    }
  } finally {
    await rm(workspace, { recursive: true, force: true })
  }
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: 'ignore' })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`ffmpeg ended with ${code}`)
}
