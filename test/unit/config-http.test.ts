import * as assert from 'uvu/assert'
import { makeConfig } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('config of the HTTP endpoint')

test('sets the defaults of options that are left out', () => {
  assert.equal(makeConfig().http, {
    host: '127.0.0.1',
    port: 3000,
    page: true,
    trustProxy: [],
    rateLimit: { uploadsPerMinute: 600, requestsPerMinute: 12_000 },
    urlSeconds: 900,
    cors: [],
    outputUrls: false,
    files: false,
    streams: 1000,
    streamsPerClient: 50,
    maxUploadBytes: 5 * 1024 ** 3,
    uploads: { multipartSeconds: 86_400, key: '{uuid}-{slug}.{ext}' },
  })
})
