import { MediadError, type RunContext } from 'mediad'

/**
 * Runs a step that decodes the source. If the source is marked as scrambled, an error of corruption becomes
 * `input.encrypted`: marks that are left over after descrambling cause no such error.
 */
export async function explainScrambling<T>({ probe }: RunContext, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    if (!(probe.scrambled === true && error instanceof MediadError && error.code === 'input.corrupt')) throw error
    const message = 'the file is marked as scrambled and cannot be decoded: upload it without copy protection'
    throw new MediadError('input.encrypted', message, { cause: error, stderr: error.stderr })
  }
}
