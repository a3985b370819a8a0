/**
 * Every code of a problem that the endpoint responds with, by status, with what the client can do, in Markdown. docs/http.md
 * and `/openapi.json` list them.
 */
export const problemCodes = {
  'request.invalid': { 400: 'Correct the body or the query; `detail` names the field' },
  'upload.parts': { 400: 'List the parts again, and complete with the parts and ETags that S3 has' },
  'request.unauthorized': { 401: 'Send a [valid token](access.md); `detail` says what is wrong with it' },
  'request.cross_site': { 403: 'List the origin of the page in [`http.cors`](access.md#pages-of-other-origins)' },
  'request.host': {
    403: 'Use an address or `localhost`, or set [`http.authorize`](access.md#who-can-use-the-endpoint)',
  },
  'request.forbidden': { 403: 'Set `http.outputUrls`, or leave `urls=1` out' },
  'request.not_found': { 404: 'Correct the path' },
  'job.not_found': {
    404: 'Try again: a job appears shortly after its upload has ended. With `?key=`: there is no upload',
  },
  'output.not_found': { 404: 'Use the key of an output of this job, with slashes that are not encoded' },
  'upload.not_found': { 404: 'Send the `uploadId` and the `key` of one response, as the client that got it' },
  'request.method': { 405: 'Use a method from the header `allow`' },
  'upload.conflict': { 409: 'Start the upload again: another object has its key' },
  'upload.gone': { 410: 'Start the upload again: it was aborted or has expired' },
  'request.too_large': { 413: 'Upload a smaller file, or raise `http.maxUploadBytes` or `http.uploads.maxBytes`' },
  'request.media_type': {
    415: 'Leave `contentType` out, or state an accepted type; `detail` lists the types or extensions that are',
  },
  'request.content_encoding': { 415: 'Send the body uncompressed' },
  'request.rate_limited': { 429: 'Try again after `retry-after` seconds, or [raise the limit](access.md#limits)' },
  'request.streams': {
    429: 'Close a stream, or try again after `retry-after` seconds',
    503: 'Try again after `retry-after` seconds: the daemon has too many streams, or stops',
  },
  internal: { 500: 'Search the log for the `x-request-id`' },
  'job.too_many': { 501: 'List the jobs of an identity, or let a lifecycle rule delete old documents' },
  'transient.authorize': {
    503:
      'Try again after `retry-after` seconds: [`http.authorize`](access.md) cannot decide at present, for example because ' +
      'the keys of the issuer cannot be fetched',
  },
  'transient.storage': { 503: 'Try again after `retry-after` seconds: S3 does not respond' },
} as const satisfies Record<string, Readonly<Record<number, string>>>

export type ProblemCode = keyof typeof problemCodes

/** Lists the codes with their statuses. */
export function listProblems(codes: readonly ProblemCode[] = Object.keys(problemCodes) as ProblemCode[]) {
  return codes.flatMap((code) =>
    Object.entries(problemCodes[code]).map(([status, advice]) => ({ code, status: Number(status), advice })),
  )
}
