import { linkController, withinTime } from './abort.ts'
import { ClientError, createNetworkHandler, toResponseError } from './errors.ts'
import { retry, type RetryPolicy } from './retry.ts'

/** Headers for `fetch`. */
export type HeaderValues = Headers | Record<string, string> | [name: string, value: string][]

export type Call = {
  path: string
  /** Default GET. */
  method?: 'POST' | 'DELETE'
  /** Sent as JSON. */
  body?: unknown
  headers?: Readonly<Record<string, string>>
  signal?: AbortSignal | undefined
  /** Time for one attempt, with the body of the response. Default 30. */
  timeoutSeconds?: number
}

/** Requests to mediad. */
export type Endpoint = {
  readonly policy: RetryPolicy
  /** Sends a request once; returns the response without reading its body. */
  open(call: Call): Promise<Response>
  /** Sends a request once; returns the JSON of the response. */
  request<T>(call: Call): Promise<T>
  /** Sends a request, again after transient errors; returns the JSON of the response. */
  call<T>(call: Call): Promise<T>
}

type EndpointSettings = {
  url: string
  headers: (() => HeaderValues | Promise<HeaderValues>) | undefined
  fetch: typeof globalThis.fetch
  policy: RetryPolicy
}

export function createEndpoint({ url: base, headers, fetch, policy }: EndpointSettings): Endpoint {
  const open = async ({ path, method, body, headers: own = {}, signal }: Call) => {
    const sent = new Headers(await headers?.())
    for (const [name, value] of Object.entries(own)) sent.set(name, value)
    const init: RequestInit = { method: method ?? 'GET', headers: sent }
    if (signal) init.signal = signal
    if (body !== undefined) {
      sent.set('content-type', 'application/json')
      init.body = JSON.stringify(body)
    }
    const response = await fetch(base + path, init).catch(createNetworkHandler(base + path, signal))
    if (!response.ok) throw await toResponseError(response)
    return response
  }
  const request = async <T>({ timeoutSeconds = 30, ...call }: Call) => {
    const { controller, unlink } = linkController(call.signal)
    const { signal } = controller
    const read = async () => parseJson<T>(await open({ ...call, signal }), signal)
    try {
      signal.throwIfAborted()
      return await withinTime(read(), timeoutSeconds, (error) => controller.abort(error))
    } finally {
      unlink()
    }
  }
  return { policy, open, request, call: (call) => retry(() => request(call), { policy, signal: call.signal }) }
}

async function parseJson<T>(response: Response, signal: AbortSignal): Promise<T> {
  const { url, status } = response
  const text = await response.text().catch(createNetworkHandler(url, signal))
  try {
    return JSON.parse(text) as T
  } catch (cause) {
    const detail = `The response from ${url} is not JSON. Check the URL of the endpoint.`
    throw new ClientError({ code: 'client.response', detail, status, cause })
  }
}
