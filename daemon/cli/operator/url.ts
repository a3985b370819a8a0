import { MediadError } from '../../vocabulary/errors.ts'
import type { Terminal } from '../../terminal/terminal.ts'
import { operate } from './operate.ts'

/** `mediad url KEY`: prints a presigned URL that downloads an object of the bucket. */
export async function url(terminal: Terminal, key: string, options: { config?: string }): Promise<0> {
  return await operate<0>(terminal, options, async ({ config, head, presignGet, signal }) => {
    if ((await head(key, signal)) === null) {
      const advice = 'List the keys of the outputs of a job with "mediad jobs ID"'
      throw new MediadError('object.not_found', `the bucket ${config.bucket} has no object "${key}". ${advice}`)
    }
    const signed = await presignGet(key)
    terminal.print(signed, { key, url: signed, expiresIn: config.http.urlSeconds })
    return 0
  })
}
