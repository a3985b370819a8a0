import type { Session } from './session.ts'

/** An error of the endpoint, in words for people. */
export class EndpointError extends Error {
  /** HTTP status; null when there was no response. */
  readonly status: number | null

  constructor(message: string, status: number | null, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EndpointError'
    this.status = status
  }
}

/** Base of the paths of the endpoint. The page can be served below a path by a server in front. */
export const base: string = new URL('.', document.baseURI).href.replace(/\/$/, '')

const ATTEMPTS = 5

/**
 * Replaces the page's `fetch`, which Uppy and the client use, for requests to the endpoint: it adds the token of the session,
 * and reports when the endpoint requires one. Uppy repeats no request to the endpoint and does not read its errors, so
 * requests below `/s3/` are repeated here after transient errors, and then fail with the words of the endpoint.
 */
export function installFetch(session: Session): void {
  const send = globalThis.fetch.bind(globalThis)
  const sendAuthorized: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    const { token } = session.read()
    if (token !== null) request.headers.set('authorization', `Bearer ${token}`)
    const response = await send(request)
    if (response.status === 401) session.reject(token)
    return response
  }
  globalThis.fetch = (input, init) => {
    const url = input instanceof Request ? input.url : new URL(input, document.baseURI).href
    if (!url.startsWith(`${base}/`)) return send(input, init)
    return url.startsWith(`${base}/s3/`)
      ? retry(() => sendAuthorized(input, init), init?.signal)
      : sendAuthorized(input, init)
  }
}

async function retry(send: () => Promise<Response>, signal: AbortSignal | null | undefined): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const result = await send().catch((error: unknown) => toNetworkError(error))
    if (result instanceof Response && result.ok) return result
    const error = result instanceof Response ? await toEndpointError(result) : result
    if (!isTransient(error) || attempt === ATTEMPTS || !navigator.onLine) throw error
    const seconds = result instanceof Response ? Number(result.headers.get('retry-after')) : 0
    await pause(seconds || 0.25 * 2 ** attempt, signal)
  }
}

/** An abort is not a failure of the network: it is thrown. */
function toNetworkError(cause: unknown): EndpointError {
  if (cause instanceof DOMException) throw cause
  return new EndpointError('The server cannot be reached.', null, { cause })
}

async function toEndpointError(response: Response): Promise<EndpointError> {
  const text = await response.text()
  const { detail } = parse(text)
  return new EndpointError(detail ?? `The server responded with status ${response.status}.`, response.status)
}

function parse(text: string): { detail?: string } {
  try {
    return JSON.parse(text) as { detail?: string }
  } catch {
    return {} // the response of a proxy
  }
}

export function isTransient({ status }: EndpointError): boolean {
  return status === null || status === 408 || status === 429 || status >= 500
}

function pause(seconds: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    })
  })
}
