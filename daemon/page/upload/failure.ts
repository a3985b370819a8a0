import { EndpointError, isTransient } from '../requests.ts'

/** Why an upload failed, and what can be done about it. */
export type UploadFailure = {
  /** For people. */
  readonly text: string
  /**
   * `again`: the same can succeed later. `restart`: the upload no longer exists in S3, so all of the file has to be sent.
   * `none`: nobody but the person can help.
   */
  readonly remedy: 'again' | 'restart' | 'none'
}

/** Explains an error of Uppy: of a request to the endpoint, or of one to S3. */
export function explainFailure(error: { message: string; request?: unknown }): UploadFailure {
  if (error instanceof EndpointError) return explainEndpoint(error)
  if (error.request instanceof XMLHttpRequest) return explainStorage(error.request)
  return { text: error.message, remedy: 'none' }
}

function explainEndpoint(error: EndpointError): UploadFailure {
  if (error.status === 404 || error.status === 410)
    return { text: 'The storage no longer has the part of this upload that was sent.', remedy: 'restart' }
  // the words of the endpoint name a field of the request
  if (error.status === 415) return { text: 'The server does not accept files of this type.', remedy: 'none' }
  return { text: error.message, remedy: isTransient(error) ? 'again' : 'none' }
}

function explainStorage({ status, responseText }: XMLHttpRequest): UploadFailure {
  const [, code = ''] = /<Code>(\w+)<\/Code>/.exec(responseText) ?? []
  if (status === 0) return { text: 'The storage cannot be reached.', remedy: 'again' }
  if (code === 'NoSuchUpload') return { text: 'The storage no longer has this upload.', remedy: 'restart' }
  if (code === 'EntityTooLarge') return { text: 'The file is larger than the server accepts.', remedy: 'none' }
  const text = `The storage responded with status ${status}${code && ` (${code})`}.`
  // a URL that has expired is refused; the next attempt gets a new one
  return { text, remedy: status === 403 || status === 429 || status >= 500 ? 'again' : 'none' }
}
