import { hasCode } from '../errors.ts'
import { retry } from '../retry.ts'
import {
  createRetryRule,
  hasArrived,
  sendSlice,
  type Transfer,
  type TransferDeps,
  type UploadResult,
} from './transfer.ts'

type Presigned = UploadResult & { preSignedUrl: string; headers: Record<string, string> }

/** Uploads a file with one PUT. */
export function createWhole(deps: TransferDeps): Transfer {
  const { endpoint, file, request } = deps
  let target: Presigned | null = null
  /** True if a PUT to the target has ended without a response, so the file may have arrived. */
  let isUnknown = false
  const attempt = async (signal: AbortSignal): Promise<UploadResult> => {
    target ??= await endpoint.request<Presigned>({
      path: '/video/pre-signed-url',
      method: 'POST',
      body: request,
      signal,
    })
    const { id, key, preSignedUrl: url, headers } = target
    try {
      await sendSlice(deps, { part: 1, start: 0, end: file.size, url, headers }, signal)
    } catch (error) {
      if (!hasCode(error, 'client.refused')) {
        isUnknown = true
        throw error
      }
      // another URL is for another key: the file must not be processed twice
      if (isUnknown && (await hasArrived(deps, key, signal))) return { id, key }
      target = null
      isUnknown = false
      throw error
    }
    return { id, key }
  }
  return {
    run: (signal) => retry(() => attempt(signal), { policy: endpoint.policy, signal, canRetry: createRetryRule() }),
  }
}
