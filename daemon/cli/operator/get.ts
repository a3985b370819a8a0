import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { MediadError, toMessage } from '../../vocabulary/errors.ts'
import type { JobDocument, Output } from '../../vocabulary/job.ts'
import { toPlain, toSize } from '../../terminal/table.ts'
import type { Terminal } from '../../terminal/terminal.ts'
import { toTarget } from '../target.ts'
import { toNotFound } from './not-found.ts'
import { operate, type OperatorSession } from './operate.ts'

export type GetOptions = { out: string; config?: string }

/** `mediad get ID|KEY`: downloads the outputs of a job to a folder. Returns 1 if one of them is missing. */
export async function get(terminal: Terminal, name: string, options: GetOptions): Promise<0 | 1> {
  return await operate(terminal, options, async (session) => {
    const seen = await session.jobs.find(name, session.signal)
    if (seen === null) throw await toNotFound(name, session)
    const outputs = listOutputs(seen.document)
    let code: 0 | 1 = 0
    for (const output of outputs) if (!(await save(terminal, { output, out: options.out }, session))) code = 1
    return code
  })
}

/**
 * Returns the outputs of a job that succeeded.
 *
 * @throws MediadError `job.no_outputs` if there is nothing to download
 */
export function listOutputs({ id, state, error, outputs }: JobDocument): readonly Output[] {
  if (state === 'succeeded' && outputs.length > 0) return outputs
  const why = error === null ? '' : ` (${error.code}: ${error.message})`
  const advice = state === 'succeeded' ? 'its chain uploaded nothing' : `its state is ${state}${why}`
  throw new MediadError('job.no_outputs', `job ${id} has no outputs: ${advice}`)
}

type Download = { output: Output; out: string }

/** Saves one output, and replaces the file of an earlier download. A file is complete, or it is not there. */
async function save(terminal: Terminal, { output, out }: Download, session: OperatorSession): Promise<boolean> {
  const { key, etag, sizeBytes } = output
  const target = toTarget(resolve(out), key)
  const partial = `${target}.${process.pid}.part`
  const { config, download, signal } = session
  try {
    await mkdir(dirname(target), { recursive: true })
    await download({ source: { bucket: config.bucket, key, etag, sizeBytes }, path: partial, signal })
    await rename(partial, target)
  } catch (error) {
    await rm(partial, { force: true })
    signal.throwIfAborted()
    const problem = explain(error)
    terminal.print(`✘ ${toPlain(key)}: ${toPlain(problem)}`, { key, ok: false, problem })
    return false
  }
  const file = relative('', target)
  terminal.print(`✔ ${toPlain(file)} (${toSize(sizeBytes)})`, { key, ok: true, file: target, sizeBytes })
  return true
}

/** Explains an error of the download of an output; its messages are about sources. */
function explain(error: unknown): string {
  const code = error instanceof MediadError ? error.code : ''
  if (code === 'input.source_gone') return 'it is no longer in the bucket'
  if (code === 'source.superseded') return 'it was replaced after this job; get the job that replaced it'
  return toMessage(error)
}
