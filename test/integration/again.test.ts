import { DeleteObjectCommand } from '@aws-sdk/client-s3'
import * as assert from 'uvu/assert'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { BUCKET } from '../helpers/cloud.ts'
import { noteCode, startFleet } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('again', { exhaustive: true })

test('a finished job stays finished when its file is uploaded again; without its document it runs again', async () => {
  await using fleet = await startFleet({ chain: '[note(), upload()]', code: noteCode })
  const [key, video] = ['origin_a.mp4', await tinyVideo()]
  await fleet.cloud.put(key, video)
  const first = await fleet.waitUntilFinished(key)
  assert.is(first.state, 'succeeded')

  await fleet.cloud.put(key, video)
  await fleet.daemons[0]?.waitFor(
    ({ event, decision, job }) => event === 'message.decided' && decision === 'delete' && job === first.id,
  )
  await fleet.waitUntilDrained()
  assert.equal(await fleet.document(key), first)

  const document = { Bucket: BUCKET, Key: `.mediad/jobs/${toJobId(BUCKET, key)}.json` }
  await fleet.cloud.s3.send(new DeleteObjectCommand(document))
  await fleet.cloud.put(key, video)
  const second = await fleet.waitUntilFinished(key)
  assert.is(second.state, 'succeeded')
  assert.is.not(second.nonce, first.nonce)
  await fleet.waitUntilDrained()
})
