import type { MultipartUploads, OpenUpload, UploadedPart } from '../../daemon/storage/uploads/multipart.ts'

export type FakeMultipart = MultipartUploads & {
  /** Names of the calls that reach S3, in order. */
  readonly calls: string[]
  /** Targets of the uploads, in order. */
  readonly created: Parameters<MultipartUploads['create']>[0][]
  /** Stores a part. */
  put(upload: OpenUpload, part: UploadedPart): void
  /** Size and number of parts of the objects by key. */
  readonly objects: Map<string, { sizeBytes: number; partCount: number }>
  /** Loses the response to the next completion, after it took effect. */
  loseNextCompletion(): void
}

/** Multipart uploads in memory, with the behaviour of S3. The id of an upload has characters that a URL must encode. */
export function createFakeMultipart(): FakeMultipart {
  const open = new Map<string, Map<number, UploadedPart>>()
  const objects: FakeMultipart['objects'] = new Map()
  const [calls, created]: [string[], FakeMultipart['created']] = [[], []]
  const find = ({ key, uploadId }: OpenUpload) => open.get(`${key}\n${uploadId}`)
  const close = ({ key, uploadId }: OpenUpload) => open.delete(`${key}\n${uploadId}`)
  let isLost = false
  return {
    calls,
    created,
    objects,
    put: (upload, part) => void find(upload)?.set(part.number, part),
    loseNextCompletion: () => void (isLost = true),
    async create(target) {
      calls.push('create')
      created.push(target)
      const uploadId = `S3/id+${created.length}=.x`
      open.set(`${target.key}\n${uploadId}`, new Map())
      return uploadId
    },
    signPart: async ({ key }, { number, seconds }) => `http://s3/media/${key}?partNumber=${number}&expires=${seconds}`,
    async read(upload) {
      calls.push('read')
      const parts = find(upload)
      if (parts) return { state: 'open', parts: [...parts.values()].toSorted((a, b) => a.number - b.number) }
      const object = objects.get(upload.key)
      return object ? { state: 'completed', ...object } : { state: 'gone' }
    },
    async complete(upload, parts) {
      calls.push('complete')
      if (!find(upload)) return 'gone'
      if (objects.has(upload.key)) return 'exists'
      const small = parts.slice(0, -1).find(({ sizeBytes }) => sizeBytes < 5 * 1024 ** 2)
      if (small) return { refused: `EntityTooSmall: part ${small.number} is too small` }
      close(upload)
      objects.set(upload.key, {
        partCount: parts.length,
        sizeBytes: parts.reduce((sum, one) => sum + one.sizeBytes, 0),
      })
      if (!isLost) return 'completed'
      isLost = false
      return 'gone'
    },
    async abort(upload) {
      calls.push('abort')
      close(upload)
    },
    locate: async (key) => `http://s3/media/${key}`,
  }
}
