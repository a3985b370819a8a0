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
    throw error
  } finally {
    operator.close()
  }
}
