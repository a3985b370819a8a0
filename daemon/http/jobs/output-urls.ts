import type { Config } from '../../config/config.ts'
import type { Output } from '../../vocabulary/job.ts'
import type { PresignGet } from '../../storage/presign.ts'
import { problemError } from '../problem.ts'

export type UrlDeps = { config: Pick<Config, 'http'>; presignGet: PresignGet }

/**
 * Returns whether a request asks for URLs of the outputs: `?urls=1`.
 *
 * @throws HTTPError 400 for another value, 403 when `http.outputUrls` is off
 */
export function parseUrls({ searchParams }: URL, { http }: Pick<Config, 'http'>): boolean {
  const urls = searchParams.get('urls')
  if (urls === null) return false
  if (urls !== '1') throw problemError({ status: 400, detail: 'urls: must be 1, or left out', code: 'request.invalid' })
  if (http.outputUrls) return true
  const detail = 'URLs of outputs are off. The option http.outputUrls of the config turns them on.'
  throw problemError({ status: 403, detail, code: 'request.forbidden' })
}

/** Adds a presigned URL to each output. It is created for every request, because a URL expires. */
export async function addUrls<T extends { readonly outputs: readonly Output[] }>(
  body: T,
  { config, presignGet }: UrlDeps,
) {
  const outputs = await Promise.all(
    body.outputs.map(async (output) => Object.assign({}, output, { url: await presignGet(output.key) })),
  )
  return { ...body, outputs, expiresIn: config.http.urlSeconds }
}
