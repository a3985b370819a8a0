/** Runs the bridge of examples/compose, which MinIO's webhook calls, against the embedded SQS. */
import { join } from 'node:path'
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import * as assert from 'uvu/assert'
import { parseNotification } from '../../daemon/protocol/notification.ts'
import { BUCKET, startCloud } from '../helpers/cloud.ts'
import { route } from '../helpers/fakes.ts'
import { startMediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'

const bridge = join(import.meta.dirname, '../../examples/compose/application/bridge.ts')
const test = suite('bridge from MinIO to SQS')

/** The body of MinIO's webhook for an upload. */
const body = JSON.stringify({
  EventName: 's3:ObjectCreated:Put',
  Key: 'media/origin_a b/café.mp4',
  Records: [
    {
      eventVersion: '2.0',
      eventSource: 'minio:s3',
      awsRegion: '',
      eventTime: '2026-11-29T08:00:00.000Z',
      eventName: 's3:ObjectCreated:Put',
      userIdentity: { principalId: 'mediad' },
      s3: {
        s3SchemaVersion: '1.0',
        configurationId: 'Config',
        bucket: { name: 'media', ownerIdentity: { principalId: 'mediad' }, arn: 'arn:aws:s3:::media' },
        object: { key: 'origin_a+b%2Fcaf%C3%A9.mp4', size: 7, eTag: 'e1', sequencer: '187C6A5B3F2E1D00' },
      },
    },
  ],
})

test('an event becomes one message that mediad accepts; other requests send none', async () => {
  await using cloud = await startCloud()
  const { work } = cloud.local.queueUrls
  const env = { ...cloud.local.env, MEDIAD_WORK_QUEUE_URL: work, BRIDGE_TOKEN: 'secret', BRIDGE_PORT: '0' }
  await using process = await startMediad([], { program: [bridge], env })
  const { port } = await process.waitFor('bridge.listening')
  const url = `http://127.0.0.1:${String(port)}/`
  const send = async (init: RequestInit, path = '') => (await fetch(`${url}${path}`, init)).status
  const authorized = { authorization: 'Bearer secret' }

  assert.is(await send({ method: 'POST', body }), 403)
  assert.is(await send({ method: 'POST', body, headers: { authorization: 'Bearer wrong' } }), 403)
  assert.is(await send({ method: 'HEAD' }), 405)
  assert.is(await send({}, 'health'), 200)
  assert.is(await send({ method: 'POST', body: 'x'.repeat(256 * 1024 + 1), headers: authorized }), 413)
  assert.equal(await cloud.messages(work), { visible: 0, hidden: 0, delayed: 0 })

  assert.is(await send({ method: 'POST', body, headers: authorized }), 200)
  assert.equal(await cloud.messages(work), { visible: 1, hidden: 0, delayed: 0 })
  const { Messages = [] } = await cloud.sqs.send(new ReceiveMessageCommand({ QueueUrl: work }))
  const parsed = parseNotification(Messages[0]?.Body ?? '', { bucket: BUCKET, routes: [route] })
  assert.equal(parsed.kind === 'sources' && parsed.sources.map(({ source }) => source), [
    { bucket: 'media', key: 'origin_a b/café.mp4', etag: 'e1', sizeBytes: 7, sequencer: '187C6A5B3F2E1D00' },
  ])
  assert.is(await process.stop(), 0)
})

test('an event that the queue does not take is refused, so that MinIO sends it again', async () => {
  await using cloud = await startCloud()
  const lost = cloud.local.queueUrls.work.replace('mediad-work', 'no-such-queue')
  const env = { ...cloud.local.env, MEDIAD_WORK_QUEUE_URL: lost, BRIDGE_TOKEN: 'secret', BRIDGE_PORT: '0' }
  await using process = await startMediad([], { program: [bridge], env })
  const { port } = await process.waitFor('bridge.listening')
  const headers = { authorization: 'Bearer secret' }
  const { status } = await fetch(`http://127.0.0.1:${String(port)}/`, { method: 'POST', body, headers })
  assert.is(status, 502)
  await process.waitFor('bridge.failed')
  assert.is(await process.stop(), 0)
})
