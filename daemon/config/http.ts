import { z } from 'zod'
import { integer, origin, section, text, toggle } from './fields.ts'

/** 5 GiB: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html */
const LARGEST_PUT_BYTES = 5 * 1024 ** 3
const WEEK_SECONDS = 7 * 24 * 3600

/** The options of the HTTP endpoint. */
export const http = section({
  host: text()
    .default('127.0.0.1')
    .meta({ values: 'address or host name' })
    .describe(
      'Address on which the endpoint listens. `0.0.0.0` or `::` makes it reachable from other machines. It does ' +
        'not authenticate clients, so put a server in front that does. The environment variable `MEDIAD_HTTP_HOST` ' +
        'overrides it.',
    ),
  port: integer(0, 65_535)
    .default(3000)
    .describe(
      'Port of the endpoint. 0 selects a free port, which is logged. The environment variable `MEDIAD_HTTP_PORT` ' +
        'overrides it, and `--port` overrides both.',
    ),
  urlSeconds: integer(1, WEEK_SECONDS)
    .default(900)
    .describe(
      'Validity of the URL of an upload or an output. A URL that is signed with temporary credentials expires with them, if that is ' +
        'earlier. The maximum is the limit of S3 for signatures.',
    ),
  cors: z
    .array(origin())
    .readonly()
    .default([])
    .meta({ values: 'list of web origins' })
    .describe(
      'Origins of pages whose scripts can request upload URLs and read jobs, such as `https://app.example.com`. The ' +
        'bucket needs a CORS rule of its own for their uploads.',
    ),
  outputUrls: toggle()
    .default(false)
    .describe(
      '`true` lets everyone who can reach the endpoint and knows the id of a job download its outputs: ' +
        '`GET /video/<id>?urls=1` adds a presigned URL to each.',
    ),
  files: toggle()
    .default(false)
    .describe(
      '`true` serves the outputs of a job under `GET /video/<id>/files/<key>`, from a private bucket: playlists and ' +
        'manifests from the endpoint, other files by a redirect to a presigned URL. Without authorization, everyone who can ' +
        'reach the endpoint and knows the id of a job can download them.',
    ),
  streams: integer(1, 100_000)
    .default(1000)
    .describe('Number of event streams that this daemon has open at once. Further ones get a 503.'),
  streamsPerClient: integer(1, 100_000)
    .default(50)
    .describe(
      'Number of event streams that one client has open at once: an identity or, without authorization, an address. ' +
        'Further ones get a 429. Behind a proxy, all clients without an identity have the address of the proxy.',
    ),
  maxUploadBytes: integer(1, LARGEST_PUT_BYTES)
    .default(LARGEST_PUT_BYTES)
    .describe(
      'Largest size that a client can state. The maximum is the limit of S3 for one PUT, which is the only limit ' +
        'for a client that states no size.',
    ),
})
