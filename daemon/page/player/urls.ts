import type { Job } from '../../client/index.ts'
import type { PageSettings } from '../../http/page/settings.ts'
import type { JobOutput } from '../jobs/job.ts'
import { base } from '../requests.ts'
import type { Session } from '../session.ts'

export type Urls = {
  /** Returns the URL of an output for an element of the page; null if the endpoint serves no files. */
  find(job: Job, output: JobOutput): Promise<string | null>
  /** Returns the URL of an output on the endpoint, for requests of scripts; null if the endpoint serves no files. */
  toFileUrl(job: Job, output: JobOutput): string | null
}

/** URLs that are nearly expired are not used. */
const MARGIN_MS = 60_000

type Signed = { readonly urls: ReadonlyMap<string, string>; readonly until: number }

/**
 * Finds URLs of outputs. The endpoint's own never expire, but elements cannot send a token; with a token, the bucket's are
 * used, to which the endpoint redirects.
 */
export function createUrls({ files, outputUrls }: PageSettings, session: Session): Urls {
  const signed = new Map<string, Signed>()
  const toFileUrl = ({ id }: Job, { key }: JobOutput) =>
    files ? `${base}/video/${id}/files/${key.split('/').map(encodeURIComponent).join('/')}` : null
  const findSigned = async (job: Job, { key }: JobOutput): Promise<string | null> => {
    const known = signed.get(job.id)
    if (known && known.until > Date.now()) return known.urls.get(key) ?? null
    const response = await fetch(`${base}/video/${job.id}?urls=1`)
    if (!response.ok) return null
    const { outputs, expiresIn } = (await response.json()) as Job & { expiresIn: number }
    const urls = new Map(
      outputs.flatMap((output) => (output.url === undefined ? [] : [[output.key, output.url] as const])),
    )
    signed.set(job.id, { urls, until: Date.now() + expiresIn * 1000 - MARGIN_MS })
    return urls.get(key) ?? null
  }
  return {
    toFileUrl,
    async find(job, output) {
      const url = toFileUrl(job, output)
      if (url !== null && session.read().token === null) return url
      if (outputUrls) return await findSigned(job, output)
      return url === null ? null : await findRedirected(url)
    },
  }
}

/** Follows the redirect of the endpoint. The bucket must allow the page to read from it. */
async function findRedirected(url: string): Promise<string | null> {
  const response = await fetch(url, { headers: { range: 'bytes=0-0' } }).catch(() => null)
  await response?.body?.cancel()
  // what the endpoint serves itself needs the token
  return response?.ok === true && response.redirected ? response.url : null
}
