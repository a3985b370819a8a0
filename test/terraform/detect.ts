import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Terraform } from '../helpers/terraform.ts'
import type { Mutation } from './mutations.ts'
import { toVerdicts } from './runs.ts'

/** S3 refuses the rule when it may not send yet; only the graph shows that the policy comes first. */
export const EDGE = '"aws_s3_bucket_notification.media" -> "aws_sqs_queue_policy.work"'

/**
 * Whether what should notice a mutation does: the run fails, and says why. The copy is as before afterwards.
 * @throws Error when the text to be replaced is not there exactly once
 */
export async function detectMutation(terraform: Terraform, mutation: Mutation): Promise<boolean> {
  const { file, find, put, name, detectedBy } = mutation
  const path = join(terraform.folder, file)
  const text = await readFile(path, 'utf8')
  if (text.split(find).length !== 2) throw new Error(`${name}: this is not there once: ${find}`)
  await writeFile(
    path,
    text.replace(find, () => put),
  )
  try {
    if (detectedBy === 'graph') return !(await terraform.runOrThrow(['graph'])).includes(EDGE)
    const [tests = ''] = detectedBy.split(' › ')
    const { stdout } = await terraform.run(['test', '-json', `-filter=tests/${tests}.tftest.hcl`])
    const { status, said = [] } = toVerdicts(stdout).get(detectedBy) ?? {}
    // a module that does not even load is broken otherwise than meant; what was to be refused and was not counts as an error
    return said.length > 0 && (status === 'fail' || said.every((line) => line.startsWith('Missing expected failure')))
  } finally {
    await writeFile(path, text)
  }
}
