/** What the page in the browser knows about the daemon that serves it. */
export type PageSettings = {
  /** Largest size of an upload. */
  readonly maxUploadBytes: number
  /** Largest size of an upload that is not sent in parts. */
  readonly maxSingleBytes: number
  /** Media types and extensions of uploads, in the syntax of the `accept` attribute. Empty: every type. */
  readonly accept: readonly string[]
  /** True if the endpoint serves the files of jobs, from which the page plays presentations. */
  readonly files: boolean
  /** True if the endpoint adds presigned URLs to the outputs of jobs. */
  readonly outputUrls: boolean
}
