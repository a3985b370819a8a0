import type { Config } from '../../config/config.ts'
import type { Output } from '../../vocabulary/job.ts'
import type { PresignGet } from '../../storage/presign.ts'
import type { H3Event } from 'h3'
import { z } from 'zod'
import { readQuery } from '../body.ts'
import { problemError } from '../problem.ts'

export type UrlDeps = { config: Pick<Config, 'http'>; presignGet: PresignGet }

export const urlsQuery = z.object({
  urls: z
    .literal('1', { error: 'must be 1, or left out' })
    .exactOptional()
    .meta({ description: 'Adds a presigned URL to each output. Needs the option `http.outputUrls`.' }),
})

/**
 * Returns whether a request asks for URLs of the outputs: `?urls=1`.
 *
 * @throws HTTPError 400 for another value, 403 when `http.outputUrls` is off
 */
export function parseUrls(event: H3Event, { http }: Pick<Config, 'http'>): boolean {
  if (readQuery(event, urlsQuery).urls === undefined) return false
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
