/**
 * Every code of a problem that the endpoint responds with: its statuses, and what the client can do, in Markdown. docs/http.md
 * and `/openapi.json` list them.
 */
export const problemCodes = {
  'request.invalid': { statuses: [400], advice: 'Correct the body or the query; `detail` names the field' },
  'upload.parts': {
    statuses: [400],
    advice: 'List the parts again, and complete with the parts and ETags that S3 has',
  },
  'request.unauthorized': {
    statuses: [401],
    advice: 'Send a [valid token](access.md); `detail` says what is wrong with it',
  },
  'request.forbidden': { statuses: [403], advice: 'Set `http.outputUrls`, or leave `urls=1` out' },
  'request.not_found': { statuses: [404], advice: 'Correct the path' },
  'job.not_found': {
    statuses: [404],
    advice: 'Try again: a job appears shortly after its upload has ended. With `?key=`: there is no upload',
  },
  'upload.not_found': {
    statuses: [404],
    advice: 'Send the `uploadId` and the `key` of one response, as the client that got it',
  },
  'request.method': { statuses: [405], advice: 'Use a method from the header `allow`' },
  'upload.conflict': { statuses: [409], advice: 'Start the upload again: another object has its key' },
  'upload.gone': { statuses: [410], advice: 'Start the upload again: it was aborted or has expired' },
  'request.too_large': {
    statuses: [413],
    advice: 'Upload a smaller file, or raise `http.maxUploadBytes` or `http.uploads.maxBytes`',
  },
  'request.media_type': {
    statuses: [415],
    advice: 'Leave `contentType` out, or state an accepted type; `detail` lists the types or extensions that are',
  },
  'request.streams': {
    statuses: [429, 503],
    advice:
      'Close event streams, or try again after `retry-after` seconds: there are too many, of you or of all clients',
  },
  internal: { statuses: [500], advice: 'Search the log for the `x-request-id`' },
  'job.too_many': { statuses: [501], advice: 'Authorize requests: only the jobs of an identity can be listed' },
  'transient.authorize': {
    statuses: [503],
    advice:
      'Try again after `retry-after` seconds: [`http.authorize`](access.md) cannot decide at present, for example because ' +
      'the keys of the issuer cannot be fetched',
  },
  'transient.storage': { statuses: [503], advice: 'Try again after `retry-after` seconds: S3 does not respond' },
} as const satisfies Record<string, { readonly statuses: readonly number[]; readonly advice: string }>

export type ProblemCode = keyof typeof problemCodes
