import { readSources } from './imports.ts'

/** IAM actions that each SDK command needs: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html */
export const actionsOf: Readonly<Record<string, readonly string[]>> = {
  GetObjectCommand: ['s3:GetObject'],
  HeadObjectCommand: ['s3:GetObject'],
  ListObjectsV2Command: ['s3:ListBucket'],
  PutObjectCommand: ['s3:PutObject'],
  DeleteObjectCommand: ['s3:DeleteObject'],
  Upload: ['s3:PutObject', 's3:AbortMultipartUpload'],
  ListMultipartUploadsCommand: ['s3:ListBucketMultipartUploads'],
  AbortMultipartUploadCommand: ['s3:AbortMultipartUpload'],
  CreateMultipartUploadCommand: ['s3:PutObject'],
  UploadPartCommand: ['s3:PutObject'],
  CompleteMultipartUploadCommand: ['s3:PutObject'],
  ListPartsCommand: ['s3:ListMultipartUploadParts'],
  ReceiveMessageCommand: ['sqs:ReceiveMessage'],
  SendMessageCommand: ['sqs:SendMessage'],
  DeleteMessageCommand: ['sqs:DeleteMessage'],
  ChangeMessageVisibilityCommand: ['sqs:ChangeMessageVisibility'],
  GetQueueAttributesCommand: ['sqs:GetQueueAttributes'],
}

/** Returns the actions of all commands in the code that a file imports, directly or not. Unknown commands appear as `unknown: …`. */
export function findActions(root: string, entry: string): string[] {
  const sources = new Map(readSources(root, ['daemon']).map((source) => [source.file, source]))
  const seen = new Set<string>()
  const left = [entry]
  for (let file = left.pop(); file !== undefined; file = left.pop()) {
    if (seen.has(file) || file.startsWith('daemon/local/')) continue
    seen.add(file)
    for (const { target, typeOnly } of sources.get(file)?.imports ?? []) if (!typeOnly) left.push(target)
  }
  const texts = [...seen].map((file) => sources.get(file)?.text ?? '')
  const commands = new Set(texts.flatMap((text) => text.match(/(?<=new )(?:\w+Command|Upload)(?=\()/g) ?? []))
  return [...new Set([...commands].flatMap((command) => actionsOf[command] ?? [`unknown: ${command}`]))].toSorted()
}

export type Policy = {
  Statement: { Sid?: string; Effect: string; Action: string | string[]; Resource: string | string[] }[]
}

/** Returns the ids of the statements of an identity policy that allow an action on a resource. None means that it is denied. */
export function findAllowing({ Statement }: Policy, action: string, resource: string): string[] {
  const allowing = Statement.filter(
    ({ Effect, Action, Resource }) =>
      Effect === 'Allow' &&
      [Action].flat().some((pattern) => matches(pattern, action)) &&
      [Resource].flat().some((pattern) => matches(pattern, resource)),
  )
  return allowing.map(({ Sid = '' }) => Sid)
}

/** Matches an IAM pattern: `*` is any text, `?` any character. */
function matches(pattern: string, text: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 's').test(text)
}
