/** A file that is being uploaded, or was in this session. */
export type PageUpload = {
  readonly id: string
  readonly name: string
  readonly sizeBytes: number
  readonly sentBytes: number
  /** `lost`: the browser no longer has the file after a reload, and the person has to choose it again. */
  readonly state: 'waiting' | 'uploading' | 'paused' | 'failed' | 'lost' | 'cancelled' | 'sent'
  /** Why it failed, in words; null when it did not. */
  readonly problem: string | null
  /** True if it is tried again without a request of the person. */
  readonly willRetry: boolean
  /** Null while it cannot be estimated. */
  readonly secondsLeft: number | null
  /** Key of the source; null until the upload has ended. */
  readonly key: string | null
}
