import { MediadError } from '../../vocabulary/errors.ts'
import { explainShortPrefix } from '../../operate/names.ts'
import { findRoute } from '../../protocol/route.ts'
import type { OperatorSession } from './operate.ts'

type Deps = Pick<OperatorSession, 'head' | 'signal'> & { config: Pick<OperatorSession['config'], 'routes' | 'bucket'> }

/** Returns the error for a name without a job document. An upload that waits in the queue has none yet. */
export async function toNotFound(name: string, { config, head, signal }: Deps): Promise<MediadError> {
  const isUploaded = findRoute(config.routes, name) !== undefined && (await head(name, signal)) !== null
  if (!isUploaded)
    return new MediadError('job.not_found', `no job has the id or source key "${name}"${explainShortPrefix(name)}`)
  const advice = `If no daemon does so although one runs, its message may be lost; send a new one: mediad requeue KEY`
  const problem = `the source "${name}" is in the bucket, and no daemon has claimed its job yet`
  return new MediadError('job.not_found', `${problem}. ${advice}`)
}
