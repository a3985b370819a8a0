import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { MediadError } from '../../vocabulary/errors.ts'
import { parse, parseJson } from '../../vocabulary/validation/validation.ts'
import type { Config } from '../../config/config.ts'
import type { Storage } from '../../storage/storage.ts'

/** Returns the secret that authenticates the tokens of uploads. */
export type ReadUploadSecret = () => Promise<string>

type Deps = {
  storage: Pick<Storage, 'readText' | 'writeText'>
  config: Pick<Config, 'state'> & { http: { uploads: Pick<Config['http']['uploads'], 'secret'> } }
  /** Milliseconds since the epoch. */
  now?: () => number
}

const schema = z.object({ secret: z.string().min(32) })

const REFRESH_MS = 3600_000
const TRIES = 5

/**
 * Creates the reader of the secret: the one of the config, else the one in the bucket. The first daemon that needs it
 * generates it; the write has a condition, so all daemons use the same one, and a restart changes nothing. It is read again
 * every hour, and written back if it was deleted, so that a lifecycle rule of the state prefix does not end uploads.
 */
export function createUploadSecret({ storage, config, now = Date.now }: Deps): ReadUploadSecret {
  const { secret } = config.http.uploads
  if (secret !== undefined) return async () => secret
  const key = `${config.state.prefix}secrets/uploads`
  let known: string | undefined
  let reading: { since: number; secret: Promise<string> } | undefined
  const read = async () => {
    try {
      known = await agree(storage, key, known ?? randomBytes(32).toString('base64url'))
    } catch (error) {
      if (known === undefined) throw error
    }
    return known
  }
  return () => {
    if (reading !== undefined && now() - reading.since < REFRESH_MS) return reading.secret
    const started = { since: now(), secret: read() }
    reading = started
    started.secret.catch(() => (reading = undefined)) // the caller gets the error, and the next one tries again
    return started.secret
  }
}

/** Reads the secret; stores `proposed` if there is none. */
async function agree(storage: Deps['storage'], key: string, proposed: string): Promise<string> {
  for (let tries = 0; tries < TRIES; tries++) {
    const stored = await storage.readText(key)
    if (stored !== null) return parseSecret(stored.text, key)
    const outcome = await storage.writeText(key, JSON.stringify({ secret: proposed }), { expected: null })
    if (typeof outcome === 'object') return proposed
  }
  throw new MediadError('transient.storage', `could not create "${key}": other writes were in progress`)
}

function parseSecret(text: string, key: string): string {
  const parsed = parse(schema, parseJson(text))
  if (parsed.ok) return parsed.data.secret
  throw new MediadError('internal.document', `"${key}" is not a secret for uploads. Delete it, and mediad creates one`)
}
