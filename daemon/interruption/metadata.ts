import { MediadError } from '../vocabulary/errors.ts'

/** A client of EC2's instance metadata service, version 2 (IMDSv2). */
export type Metadata = {
  /**
   * Reads a path below `/latest/meta-data/`; null if it does not exist.
   * @throws MediadError `transient.metadata` if the service does not respond
   */
  read(path: string): Promise<string | null>
}

/** The maximum: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html */
const TOKEN_SECONDS = 21_600
/** Short, because the service runs on the same machine. */
const TIMEOUT_MS = 2000

/** Creates a client. On EC2, `url` is `http://169.254.169.254` or `http://[fd00:ec2::254]`. */
export function createMetadata({ url }: { url: string }): Metadata {
  const base = url.replace(/\/+$/, '')
  let token: Promise<string> | null = null

  async function request(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(`${base}/latest/${path}`, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
    } catch (error) {
      throw new MediadError('transient.metadata', `no response from the instance metadata at ${base}`, { cause: error })
    }
  }

  async function renewToken(): Promise<string> {
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) }
    const response = await request('api/token', { method: 'PUT', headers })
    const text = await response.text()
    if (!response.ok) throw statusError(`${base}/latest/api/token`, response.status)
    return text
  }

  /** Concurrent calls share one request. After a failure, the next call sends a new one. */
  function getToken(): Promise<string> {
    return (token ??= renewToken().catch((error: unknown) => {
      token = null
      throw error
    }))
  }

  async function get(path: string): Promise<Response> {
    const used = getToken()
    const response = await request(`meta-data/${path}`, { headers: { 'x-aws-ec2-metadata-token': await used } })
    if (response.status === 401 && token === used) token = null // it has expired
    return response
  }

  return {
    async read(path) {
      let response = await get(path)
      if (response.status === 401) response = await get(path)
      const text = await response.text()
      if (response.status === 404) return null
      if (!response.ok) throw statusError(`${base}/latest/meta-data/${path}`, response.status)
      return text
    },
  }
}

function statusError(url: string, status: number): MediadError {
  return new MediadError(
    'transient.metadata',
    `the instance metadata service responded to ${url} with HTTP ${status}. Enable it, version 2`,
  )
}
