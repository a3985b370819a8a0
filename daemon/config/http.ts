import { z } from 'zod'
import { isNetwork } from '../vocabulary/address.ts'
import type { Authorize } from '../vocabulary/identity.ts'
import { describeMissing } from '../vocabulary/validation/missing.ts'
import { describeValue } from '../vocabulary/validation/validation.ts'
import { integer, origin, section, text, toggle } from './fields.ts'

/** S3's limit for one PUT: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html */
export const LARGEST_PUT_BYTES = 5 * 1024 ** 3
const DAY_SECONDS = 24 * 3600
const WEEK_SECONDS = 7 * DAY_SECONDS

/** Template of the keys of uploads. */
export const DEFAULT_KEY = '{uuid}-{slug}.{ext}'

/** 10,000 parts of 5 GiB: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const LARGEST_OBJECT_BYTES = 50_000 * 1024 ** 3
const SECRET_CHARACTERS = 32
const TEMPLATE_CHARACTERS = 100

/** The options of uploads by clients of the endpoint. */
const uploads = section({
  contentTypes: z
    .array(text(explainContentType))
    .min(1)
    .readonly()
    .exactOptional()
    .meta({ values: 'list of media types' })
    .describe(
      'Content types that a client can state, such as `video/mp4` or `video/*`. With a list, every request for an ' +
        'upload must state one, and the upload must have it. It is not what the file contains: the job checks that. ' +
        'Without a list, a client can state [these](http.md#post-videopre-signed-url), or none.',
    ),
  extensions: z
    .array(text(explainExtension))
    .min(1)
    .readonly()
    .exactOptional()
    .meta({ values: 'list of extensions' })
    .describe(
      'Extensions that the key of an upload can have, in lower case and without the dot: `mp4`, `mov`. Without a list, any.',
    ),
  maxBytes: integer(1, LARGEST_OBJECT_BYTES)
    .exactOptional()
    .describe(
      'Largest size of an upload. A form has it in its policy, and the parts of an upload are added up before they are ' +
        'joined. Without it, an `http.maxUploadBytes` below its maximum bounds uploads in parts too. In parts, ' +
        '`limits.sourceBytes` is always a limit, because the job would reject the file.',
    ),
  multipartSeconds: integer(600, WEEK_SECONDS)
    .default(DAY_SECONDS)
    .describe(
      'Validity of a multipart upload: it can be continued and completed until then. An hour later, a daemon aborts it. A ' +
        'lifecycle rule of the bucket that aborts multipart uploads must not be shorter.',
    ),
  key: text(explainTemplate)
    .default(DEFAULT_KEY)
    .meta({ values: 'template' })
    .describe(
      'Key of an upload after `source.prefix`. `{uuid}`, which is required, makes it unique, `{slug}` is up to 48 letters ' +
        'and digits of the filename, `{ext}` the extension, and `{date}` the date in UTC.',
    ),
  secret: text(explainSecret)
    .exactOptional()
    .meta({ values: `at least ${SECRET_CHARACTERS} characters` })
    .describe(
      'Authenticates the ids of multipart uploads, so that nobody else can continue an upload. All daemons of a bucket need ' +
        'the same. Without it, the first one generates a secret and stores it under `state.prefix`.',
    ),
})

/** What a client can request in a minute. */
const rateLimit = section({
  uploadsPerMinute: integer(0, 1_000_000)
    .default(600)
    .describe(
      'Uploads that a client can create in a minute; 0 for any number. A client is an identity, or an address (of IPv6, the ' +
        'first 64 bits) without one; programs on this machine without an identity are not limited. More get a 429.',
    ),
  requestsPerMinute: integer(0, 1_000_000)
    .default(12_000)
    .describe(
      'Other requests of a client in a minute; 0 for any number. Every part of a multipart upload is one, and Uppy does ' +
        'not try again after a 429, so keep it high. Rejected requests count for the address.',
    ),
})

/** The options of the HTTP endpoint. */
export const http = section({
  host: text()
    .default('127.0.0.1')
    .meta({ values: 'address or host name' })
    .describe(
      'Address on which the endpoint listens. `0.0.0.0` or `::` makes it reachable from other machines; then ' +
        '`http.authorize` must be set. The environment variable `MEDIAD_HTTP_HOST` overrides it.',
    ),
  port: integer(0, 65_535)
    .default(3000)
    .describe(
      'Port of the endpoint. 0 selects a free port, which is logged. The environment variable `MEDIAD_HTTP_PORT` ' +
        'overrides it, and `--port` overrides both.',
    ),
  authorize: z
    .custom<Authorize | 'none'>((value) => typeof value === 'function' || value === 'none', {
      error: ({ input }) =>
        describeMissing(input) ??
        `must be a function, such as bearer({ tokens }) or jwt({ … }), or "none", not ${describeSecret(input)}`,
    })
    .exactOptional()
    .meta({ values: 'function, or `none`' })
    .describe(
      'Decides [who can use the endpoint](access.md). A function receives each request and returns an identity, ' +
        '`{ id }`, or the response for a client without one; `bearer()` and `jwt()` create such functions. `none` lets ' +
        'everyone in who reaches the endpoint, for a server in front that authorizes. Without it, the endpoint listens ' +
        'on loopback addresses only. The environment variable `MEDIAD_HTTP_AUTHORIZE` can be `none`; it has no effect ' +
        'on a config that sets the option.',
    ),
  rateLimit,
  trustProxy: z
    .array(text(explainNetwork))
    .readonly()
    .default([])
    .meta({ values: 'list of addresses and networks' })
    .describe(
      'Proxies in front of the endpoint, such as `10.0.0.0/16`. Of their requests, the address of the client is the ' +
        'last one in `x-forwarded-for` that is not listed here. The header of other senders is ignored.',
    ),
  page: toggle()
    .default(true)
    .describe(
      '`true` serves [a page](page.md) at `/` with which people upload files, watch their jobs and play the results. `false` ' +
        'turns it off; `/` is then a 404. The page can do what other clients of the endpoint can do, and nothing else.',
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
        'Further ones get a 429. It does not apply to programs on this machine.',
    ),
  maxUploadBytes: integer(1, LARGEST_PUT_BYTES)
    .default(LARGEST_PUT_BYTES)
    .describe(
      'Largest size of an upload by one PUT or one form. The maximum is the limit of S3 for one PUT, which is the only ' +
        'limit for a PUT whose client states no size. Larger files are uploaded in parts, up to `http.uploads.maxBytes`.',
    ),
  uploads,
})

/** The text could be a token that was set instead of a function. */
const describeSecret = (value: unknown) => (typeof value === 'string' ? 'text' : describeValue(value))

function explainNetwork(value: string): string | undefined {
  return isNetwork(value)
    ? undefined
    : `must be an address or a network, such as 10.0.0.0/16, not ${describeValue(value)}`
}

function explainContentType(value: string): string | undefined {
  if (/^[a-z0-9!#$&^_.+-]+\/(?:\*|[a-z0-9!#$&^_.+-]+)$/.test(value)) return undefined
  return 'must be a media type in lower case, such as video/mp4 or video/*'
}

function explainExtension(value: string): string | undefined {
  return /^[a-z0-9]{1,8}$/.test(value) ? undefined : 'must be 1 to 8 lower-case letters or digits, without a dot'
}

/** A key always has the source prefix in front, so it needs only valid characters and the unique part. */
function explainTemplate(value: string): string | undefined {
  const literal = value.replaceAll(/\{(?:uuid|slug|ext|date)\}/g, '')
  if (!value.includes('{uuid}')) return 'must contain {uuid}, which makes every key unique'
  if (value.length > TEMPLATE_CHARACTERS) return `must have at most ${TEMPLATE_CHARACTERS} characters`
  if (/[{}]/.test(literal)) return 'must have no placeholders other than {uuid}, {slug}, {ext} and {date}'
  if (!/^[\w./-]*$/.test(literal)) return 'must consist of placeholders, letters, digits, "-", "_", "." and "/"'
  const hasEmpty = withoutSlug(value)
    .split('/')
    .some((segment) => /^\.{0,2}$/.test(segment))
  return hasEmpty ? 'must have something besides {slug} in every segment, because a slug can be empty' : undefined
}

/** Returns the template for a filename without letters and digits: the separator before the slug goes with it. */
export function withoutSlug(template: string): string {
  return template.replaceAll(/[-_]?\{slug\}/g, '')
}

function explainSecret(value: string): string | undefined {
  return value.length < SECRET_CHARACTERS ? `must have at least ${SECRET_CHARACTERS} characters` : undefined
}
