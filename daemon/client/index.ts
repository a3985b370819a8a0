/**
 * `mediad/client`: uploads files to mediad and follows their jobs, from a browser or from Node. It has no dependencies, and
 * importing it has no side effects.
 */
export {
  createClient,
  type Client,
  type ClientOptions,
  type JobOptions,
  type JobPage,
  type ListOptions,
} from './client.ts'
export { ClientError, JobDeadError } from './errors.ts'
export type { SlicedFile, UploadFile } from './upload/file.ts'
export type { Job, JobTarget } from './jobs/job.ts'
export type { RetryOptions } from './retry.ts'
export type { Upload, UploadOptions, UploadResult, UploadState } from './upload/upload.ts'
export type { JobEvent, WatchOptions } from './jobs/watch.ts'
