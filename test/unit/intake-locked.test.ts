import * as assert from 'uvu/assert'
import { createDocuments } from '../../daemon/job/documents.ts'
import { createIntake } from '../../daemon/job/intake.ts'
import { toNotificationBody } from '../../daemon/protocol/notification.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { createTestLog } from '../helpers/context.ts'
import { createFakeQueues, createFakeStorage, document, message, route, source } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('intake of sources that S3 cannot decrypt')

test('claims another upload of unknown order: the download reports the error, as that of its job', async () => {
  const storage = createFakeStorage()
  const queues = createFakeQueues(storage.calls)
  const id = toJobId(source.bucket, source.key)
  storage.put(`.mediad/jobs/${id}.json`, JSON.stringify(document({ id, state: 'succeeded' })))
  storage.head = () => Promise.reject(new MediadError('input.key_unavailable', 'm'))
  const tripped: string[] = []
  const intake = createIntake({
    queues,
    storage,
    documents: createDocuments({ storage, prefix: '.mediad/' }),
    scope: { bucket: 'media', routes: [route] as const },
    limits: { attempts: 5, leaseSeconds: 60, recheckSeconds: 30 },
    daemonName: 'host',
    emit: () => undefined,
    log: createTestLog(),
  })
  const { sequencer: _, ...unordered } = { ...source, etag: 'e2' }
  const faults = { trip: (by: string) => void tripped.push(by), reset: () => undefined }
  const claimed = (await intake(message(toNotificationBody(unordered)), faults))?.document
  assert.equal([claimed?.source, claimed?.claim, claimed?.attempt], [unordered, 2, 1])
  assert.equal(tripped, [])
})
