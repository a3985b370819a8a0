import { MediadError, toMessage } from '../vocabulary/errors.ts'

type LocalModule = typeof import('../local/local.ts')

/**
 * Imports the embedded S3 and SQS. Their packages are optional dependencies, which machines of a fleet do without.
 *
 * @throws MediadError `config.invalid` if they are not installed
 */
export async function loadLocal(load: () => Promise<LocalModule> = () => import('../local/local.ts')) {
  try {
    return await load()
  } catch (error) {
    if (!isMissing(error)) throw error
    const message =
      'the embedded S3 and SQS are not installed: @20minutes/s3rver and fauxqs are optional dependencies of mediad. ' +
      'Install without --omit=optional, or use the S3 and SQS of the config: mediad start'
    throw new MediadError('config.invalid', message, { cause: error })
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  const isNotFound = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
  return isNotFound && /['"](?:@20minutes\/s3rver|fauxqs)/.test(toMessage(error))
}
