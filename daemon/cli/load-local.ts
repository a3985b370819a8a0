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
      'npm skips them with --omit=optional, and without a message where it runs on an old Node, such as 20. ' +
      'Install with Node 24 (where it is a package of the project: PATH=$PWD/node_modules/.bin:$PATH npm install), ' +
      'or use the S3 and SQS of the config: mediad start'
    throw new MediadError('config.invalid', message, { cause: error })
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  const isNotFound = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
  return isNotFound && /['"](?:@20minutes\/s3rver|fauxqs)/.test(toMessage(error))
}
