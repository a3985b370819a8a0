import { MediadError } from '../vocabulary/errors.ts'

/** EC2's instance metadata, version 2. */
export type Metadata = {
  /**
   * What stands under a path of `/latest/meta-data/`; null when there is nothing.
   * @throws MediadError `transient.metadata` when it does not answer
   */
  read(path: string): Promise<string | null>
}

/** The longest there is: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html */
const TOKEN_SECONDS = 21_600
/** It is on the same machine. */
const PATIENCE_MS = 2000

/** @param parts `url`: on EC2 `http://169.254.169.254`, or `http://[fd00:ec2::254]` */
export function createMetadata({ url }: { url: string }): Metadata {
  const base = url.replace(/\/+$/, '')
  let token: Promise<string> | null = null

  async function ask(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(`${base}/latest/${path}`, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) })
    } catch (error) {
      throw new MediadError('transient.metadata', `no answer from the instance metadata at ${base}`, { cause: error })
    }
  }

  async function renewToken(): Promise<string> {
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) }
    const answer = await ask('api/token', { method: 'PUT', headers })
    const text = await answer.text()
    if (!answer.ok) throw refused(`${base}/latest/api/token`, answer.status)
    return text
  }

  /** One request for all who wait for it; a failed one is no token. */
  function getToken(): Promise<string> {
    return (token ??= renewToken().catch((error: unknown) => {
      token = null
      throw error
    }))
  }

  async function get(path: string): Promise<Response> {
    const used = getToken()
    const answer = await ask(`meta-data/${path}`, { headers: { 'x-aws-ec2-metadata-token': await used } })
    if (answer.status === 401 && token === used) token = null // it has run out
    return answer
  }

  return {
    async read(path) {
      let answer = await get(path)
      if (answer.status === 401) answer = await get(path)
      const text = await answer.text()
      if (answer.status === 404) return null
      if (!answer.ok) throw refused(`${base}/latest/meta-data/${path}`, answer.status)
      return text
    },
  }
}

function refused(what: string, status: number): MediadError {
  return new MediadError(
    'transient.metadata',
    `the instance metadata answered ${what} with HTTP ${status}; it must be enabled, version 2`,
  )
}
