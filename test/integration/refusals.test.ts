import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { GetQueueAttributesCommand, SetQueueAttributesCommand } from '@aws-sdk/client-sqs'
import * as assert from 'uvu/assert'
import { runInParallel } from '../helpers/parallel.ts'
import { BUCKET, startCloud } from '../helpers/cloud.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { startMediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'

const test = runInParallel(suite('failed starts'))

// the package alone, without the additions of the embedded S3: it ignores conditions
type BareS3 = { run(): Promise<{ port: number }>; close(): Promise<void> }
const BareS3 = createRequire(import.meta.url)('@20minutes/s3rver') as new (options: object) => BareS3

const config = (more = '', plugins = '[upload()]') => `
import { defineConfig, env } from 'mediad'
import { transcode, upload } from 'mediad/plugins'
export default defineConfig({
  bucket: env('MEDIAD_BUCKET', '${BUCKET}'),
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL') },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL') },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  http: { port: 0 },
  plugins: ${plugins},
  ${more}
})`

type Start = { text: string; env?: Record<string, string>; message: RegExp; code: string }

async function assertFails(
  env: Readonly<Record<string, string>>,
  { text, env: more, message, code }: Start,
): Promise<void> {
  await using daemon = await startMediad(['start'], { env: { ...env, ...more }, config: text })
  assert.is(await daemon.ended, 2)
  const last = daemon.entries.findLast((entry) => entry.stream === 'stderr')
  assert.is(last?.code, code, last?.text)
  assert.match(String(last?.msg), message)
}

test.exhaustive('fails to start without the bucket, a queue or valid credentials', async () => {
  await using cloud = await startCloud()
  const { env } = cloud.local
  await assertFails(env, {
    text: config(),
    env: { MEDIAD_BUCKET: 'no-such-bucket' },
    code: 'config.storage',
    message: /bucket does not exist/,
  })
  const missing = `${cloud.local.sqsEndpoint}/000000000000/no-such-queue`
  await assertFails(env, {
    text: config(),
    env: { MEDIAD_DEAD_QUEUE_URL: missing },
    code: 'config.queue',
    message: /no-such-queue.*does not exist/,
  })
  await assertFails(env, {
    text: config(),
    env: { AWS_SECRET_ACCESS_KEY: 'wrong' },
    code: 'config.storage',
    message: /access denied|credentials/i,
  })
})

test.exhaustive('fails to start if the work queue has a redrive policy', async () => {
  await using cloud = await startCloud()
  const { queueUrls, env } = cloud.local
  const { Attributes } = await cloud.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrls.dead, AttributeNames: ['QueueArn'] }),
  )
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: Attributes?.QueueArn, maxReceiveCount: 3 })
  await cloud.sqs.send(new SetQueueAttributesCommand({ QueueUrl: queueUrls.work, Attributes: { RedrivePolicy } }))
  await assertFails(env, { text: config(), code: 'config.queue', message: /redrive policy/ })
})

test.exhaustive('fails to start without a region', async () => {
  await using cloud = await startCloud()
  const { AWS_REGION: _, ...env } = cloud.local.env
  await assertFails(env, { text: config(), code: 'config.storage', message: /AWS_REGION/ })
})

test.exhaustive('fails to start with a missing, invalid, old or broken ffmpeg, or one without an encoder', async () => {
  await using cloud = await startCloud()
  await using folder = await temporaryFolder()
  const { env } = cloud.local
  const other = join(folder.path, 'other-program')
  await writeFile(other, '#!/bin/sh\necho hello\n')
  await chmod(other, 0o755)
  const small = join(folder.path, 'small')
  await writeFile(
    small,
    `#!/bin/sh\ncase "$*" in *-encoders*) echo ' V..... mpeg4 MPEG-4';; *libx264*) exit 1;; *) exec ffmpeg "$@";; esac\n`,
  )
  await chmod(small, 0o755)
  await assertFails(env, {
    text: config(`ffmpeg: { path: '/no/such/ffmpeg' },`),
    code: 'config.ffmpeg',
    message: /no\/such\/ffmpeg/,
  })
  await assertFails(env, {
    text: config(`ffmpeg: { path: '${other}' },`),
    code: 'config.ffmpeg',
    message: /other-program/,
  })
  const old = join(folder.path, 'old')
  await writeFile(old, '#!/bin/sh\necho "ffmpeg version 4.4.2-0ubuntu0.22.04.1"\n')
  await chmod(old, 0o755)
  await assertFails(env, {
    text: config(`ffmpeg: { path: '${old}' },`),
    code: 'config.ffmpeg',
    message: /is ffmpeg 4\.4\.2-0ubuntu0\.22\.04\.1; mediad needs 5\.1 or newer/,
  })
  const broken = join(folder.path, 'broken')
  await writeFile(
    broken,
    `#!/bin/sh\ncase "$*" in *libx264*) echo '[error] no CPU for this' >&2; exit 1;; *) exec ffmpeg "$@";; esac\n`,
  )
  await chmod(broken, 0o755)
  await assertFails(env, {
    text: config(`ffmpeg: { path: '${broken}' },`, '[transcode(), upload()]'),
    code: 'config.ffmpeg',
    message: /failed a trial run of libx264 .*\(for transcode\): \[error\] no CPU for this/,
  })
  const withoutEncoder = config(`ffmpeg: { path: '${small}' },`, '[transcode(), upload()]')
  await assertFails(env, { text: withoutEncoder, code: 'config.ffmpeg', message: /libx264 \(for transcode\)/ })
})

test('fails to start with a store that does not honour conditional writes', async () => {
  await using cloud = await startCloud()
  await using folder = await temporaryFolder()
  const bareS3 = new BareS3({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory: folder.path,
    configureBuckets: [{ name: BUCKET, configs: [] }],
  })
  const { port } = await bareS3.run()
  await assertFails(cloud.local.env, {
    text: config(),
    env: { AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}` },
    code: 'config.storage',
    message: /does not honour conditional writes/,
  })
  await bareS3.close()
})

test('reports all errors of an invalid config at once', async () => {
  const text = `
import { defineConfig, env } from 'mediad'
import { transcode, upload } from 'mediad/plugins'
export default defineConfig({
  bucket: 'media',
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL'), concurency: 3 },
    inProgress: { url: 'nonsense', poll: 'every day' },
    dead: { url: 'http://127.0.0.1:1/dead' },
  },
  plugins: [transcode({ crf: 99 }), upload()],
} as never)`
  await using daemon = await startMediad(['start'], { config: text })
  assert.is(await daemon.ended, 2)
  const output = daemon.entries.map((entry) => entry.text).join('\n')
  for (const path of [
    'queues.work.url',
    'MEDIAD_WORK_QUEUE_URL',
    'concurency',
    'concurrency',
    'queues.inProgress.url',
    'queues.inProgress.poll',
    'crf',
  ]) {
    assert.ok(output.includes(path), `${path} is not in: ${output}`)
  }
})

test.exhaustive('exits with 2 for a port in use, a missing config, and unknown options or commands', async () => {
  await using cloud = await startCloud()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await assertFails(cloud.local.env, {
    text: config(`http: { port: ${port} },`).replace('http: { port: 0 },', ''),
    code: 'config.invalid',
    message: new RegExp(`${port}`),
  })
  server.close()
  for (const args of [
    ['start'],
    ['check'],
    ['start', '--lokal'],
    ['strat'],
    ['run'],
    ['start', '--port', 'x'],
    ['local', '--s3-port', '70000'],
  ]) {
    await using mediad = await startMediad(args)
    assert.is(await mediad.ended, 2, args.join(' '))
    assert.ok(
      mediad.entries.some((entry) => entry.stream === 'stderr'),
      args.join(' '),
    )
  }
})

test.exhaustive('mediad check reports the result of every check', async () => {
  await using cloud = await startCloud()
  const { env } = cloud.local
  await using good = await startMediad(['check'], { env, config: config('', '[transcode(), upload()]') })
  assert.is(await good.ended, 0)
  const results = good.entries.filter((entry) => typeof entry.check === 'string')
  assert.equal(
    results.map(({ check, ok }) => [check, ok]),
    [
      'config',
      'machine',
      'endpoint',
      'ffmpeg',
      'encoders',
      'filters',
      'trial run',
      'bucket',
      'queue work',
      'queue inProgress',
      'queue dead',
    ].map((name) => [name, true]),
  )

  const version = results.find(({ check }) => check === 'ffmpeg')?.found
  assert.match(String(version), /^\S+, (?:not )?a tested version/)

  await using folder = await temporaryFolder()
  const bin = join(folder.path, 'bin')
  await mkdir(bin)
  await symlink(process.execPath, join(bin, 'node'))
  await using bad = await startMediad(['check'], {
    env: { ...env, PATH: bin, MEDIAD_BUCKET: 'no-such-bucket' },
    config: config(),
  })
  assert.is(await bad.ended, 2)
  const failures = Object.fromEntries(
    bad.entries.filter((entry) => typeof entry.check === 'string').map(({ check, ok }) => [check, ok]),
  )
  assert.equal(failures, {
    config: true,
    machine: true,
    endpoint: true,
    ffmpeg: false,
    encoders: false,
    filters: false,
    'trial run': false,
    bucket: false,
    'queue work': true,
    'queue inProgress': true,
    'queue dead': true,
  })
})
