import { composeOperator, type Operator } from '../../composition/operator.ts'
import { loadConfig } from '../../config/load.ts'
import type { Config } from '../../config/config.ts'
import { MediadError } from '../../vocabulary/errors.ts'
import { listenForStop } from '../../terminal/signals.ts'
import type { Terminal } from '../../terminal/terminal.ts'

export type OperatorSession = Operator & { readonly config: Config; readonly signal: AbortSignal }

/** Runs an operator's command with its dependencies. On a signal, it is aborted and returns the messages it has received. */
export async function operate<T>(
  { log }: Terminal,
  options: { config?: string },
  act: (session: OperatorSession) => Promise<T>,
): Promise<T> {
  using signals = listenForStop()
  const stop = new AbortController()
  void signals.first.then(() => stop.abort(new MediadError('daemon.stopping', 'stopped by a signal')))
  const { config } = await loadConfig(options.config === undefined ? {} : { file: options.config })
  const operator = composeOperator({ config, log })
  try {
    return await act({ ...operator, config, signal: stop.signal })
  } catch (error) {
    stop.signal.throwIfAborted()
    throw explainRefused(error)
  } finally {
    operator.close()
  }
}

/** The environment of an embedded S3 and SQS can be left over from one that was killed. */
export function explainRefused(error: unknown): unknown {
  if (!(error instanceof MediadError) || !/ECONNREFUSED (?:127\.|::1|localhost)/.test(error.message)) return error
  const question = 'Does the daemon (mediad start --local) or "mediad local" whose environment this is still run?'
  return new MediadError(error.code, `${error.message}. ${question}`, { cause: error })
}
