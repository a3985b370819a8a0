import { createNetworkHandler, networkError, toStorageError } from '../errors.ts'

export type SendRequest = {
  /** Presigned URL of a PUT. */
  url: string
  headers?: Readonly<Record<string, string>>
  body: Blob | Uint8Array
  signal: AbortSignal
  /** Reports how many bytes of the body have been sent; with `fetch`, only once all have. */
  onSent: (bytes: number) => void
}

/** Sends a body to S3, once. Returns the etag of the response; null if a browser cannot read it. */
export type SendBody = (request: SendRequest) => Promise<string | null>

/** Only XMLHttpRequest reports the progress of an upload. Node and service workers do not have it. */
export function createSend(fetch: typeof globalThis.fetch): SendBody {
  const { XMLHttpRequest } = globalThis as { XMLHttpRequest?: RequestConstructor }
  return XMLHttpRequest
    ? (request) => sendWithProgress(new XMLHttpRequest(), request)
    : (request) => sendBy(fetch, request)
}

async function sendBy(fetch: typeof globalThis.fetch, { url, headers = {}, body, signal, onSent }: SendRequest) {
  const onError = createNetworkHandler(url, signal)
  const response = await fetch(url, { method: 'PUT', headers, body: body as Blob, signal }).catch(onError)
  const text = await response.text().catch(onError) // reading it in every case frees the connection
  if (!response.ok) throw toStorageError(response.status, text, response.headers.get('retry-after'))
  onSent(sizeOf(body))
  return response.headers.get('etag')
}

/** The part of XMLHttpRequest that is used here. The types of Node do not have it. */
type RequestConstructor = new () => {
  readonly upload: { addEventListener(type: 'progress', listener: (event: { loaded: number }) => void): void }
  readonly status: number
  readonly responseText: string
  addEventListener(type: 'load' | 'error', listener: () => void): void
  open(method: string, url: string): void
  setRequestHeader(name: string, value: string): void
  getResponseHeader(name: string): string | null
  send(body: Blob | Uint8Array): void
  abort(): void
}

/** Time without progress after which a request is given up: its connection may be dead without an error. */
const STALL_SECONDS = 60

function sendWithProgress(
  xhr: InstanceType<RequestConstructor>,
  { url, headers = {}, body, signal, onSent }: SendRequest,
): Promise<string | null> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: unknown) => {
      end()
      xhr.abort()
      reject(error as Error)
    }
    const onAbort = () => fail(signal.reason)
    const restartTimer = () => {
      clearTimeout(timer)
      const error = networkError(`An upload made no progress for ${STALL_SECONDS} s.`)
      timer = setTimeout(() => fail(error), STALL_SECONDS * 1000)
    }
    xhr.upload.addEventListener('progress', ({ loaded }) => {
      restartTimer()
      onSent(loaded)
    })
    xhr.addEventListener('error', () => fail(networkError('There was no response from S3.')))
    xhr.addEventListener('load', () => {
      const { status, responseText } = xhr
      const isOk = status >= 200 && status < 300
      if (!isOk) return fail(toStorageError(status, responseText, xhr.getResponseHeader('retry-after')))
      end()
      onSent(sizeOf(body))
      return resolve(xhr.getResponseHeader('etag'))
    })
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) return onAbort()
    xhr.open('PUT', url)
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value)
    restartTimer()
    return xhr.send(body)
  })
}

export function sizeOf(body: Blob | Uint8Array): number {
  return 'size' in body ? body.size : body.byteLength
}
