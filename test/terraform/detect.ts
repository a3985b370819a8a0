import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Terraform } from '../helpers/terraform.ts'
import type { Mutation } from './mutations.ts'
import { toResults } from './runs.ts'

/** S3 rejects the notification rule before the queue policy exists. Only the graph shows their order. */
export const EDGE = '"aws_s3_bucket_notification.media" -> "aws_sqs_queue_policy.work"'

/**
 * Applies a mutation to the copy, and returns whether its run fails with a diagnostic. Restores the copy afterwards.
 * @throws Error unless the copy contains the text to replace exactly once
 */
export async function detectMutation(terraform: Terraform, mutation: Mutation): Promise<boolean> {
  const { file, find, put, name, detectedBy } = mutation
  const path = join(terraform.folder, file)
  const text = await readFile(path, 'utf8')
  if (text.split(find).length !== 2)
    throw new Error(`${name}: the file does not contain this text exactly once: ${find}`)
  await writeFile(
    path,
    text.replace(find, () => put),
  )
  try {
    if (detectedBy === 'graph') return !(await terraform.runOrThrow(['graph'])).includes(EDGE)
    const [tests = ''] = detectedBy.split(' › ')
    const { stdout } = await terraform.run(['test', '-json', `-filter=tests/${tests}.tftest.hcl`])
    const { status, errors = [] } = toResults(stdout).get(detectedBy) ?? {}
    // a module that does not load is not the intended defect, but has status "error" like a missing expected failure
    return (
      errors.length > 0 && (status === 'fail' || errors.every((line) => line.startsWith('Missing expected failure')))
    )
  } finally {
    await writeFile(path, text)
  }
}
