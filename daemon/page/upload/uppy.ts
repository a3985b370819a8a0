import AwsS3 from '@uppy/aws-s3'
import Uppy from '@uppy/core'
import GoldenRetriever from '@uppy/golden-retriever'
import type { PageSettings } from '../../http/page/settings.ts'
import { base } from '../requests.ts'
import { renderBytes } from '../words.ts'

export type UploadMeta = Record<string, unknown>
export type UploadBody = { key: string; location: string }
export type PageUppy = Uppy<UploadMeta, UploadBody>

const MIB = 2 ** 20
/** Smaller files are sent in one request. */
const MULTIPART_BYTES = 16 * MIB
const PART_BYTES = 8 * MIB
/** Keeps the number of parts far below the limit of S3, 10,000. */
const MOST_PARTS = 2_000

/** Files up to these sizes survive a reload of the page. The browser keeps a copy of them. */
const kept = { maxFileSize: 256 * MIB, maxTotalSize: 1024 * MIB }

/** Errors are shown on the page, with what can be done about them. */
const quiet = { debug: () => undefined, warn: () => undefined, error: () => undefined }

/**
 * Creates the uploader: Companion's protocol of the endpoint, and a memory of uploads that a reload interrupts.
 *
 * @param id names that memory
 */
export function createUppy({ maxUploadBytes, maxSingleBytes, accept }: PageSettings, id: string): PageUppy {
  const uppy = new Uppy<UploadMeta, UploadBody>({
    id,
    logger: quiet,
    restrictions: {
      maxFileSize: maxUploadBytes,
      minFileSize: 1,
      allowedFileTypes: accept.length > 0 ? [...accept] : null,
    },
    locale: {
      pluralize: (count) => (count === 1 ? 0 : 1),
      strings: {
        exceedsSize: `%{file} is larger than ${renderBytes(maxUploadBytes)}, the most that this server accepts.`,
        inferiorSize: 'The file is empty.',
        youCanOnlyUploadFileTypes: `This type of file is not accepted. Accepted: %{types}.`,
        noDuplicates: '“%{fileName}” is being uploaded already.',
      },
    },
  })
  uppy.use(AwsS3, {
    companionEndpoint: base,
    allowedMetaFields: ['name', 'type'],
    shouldUseMultipart: ({ size }) => (size ?? 0) > Math.min(MULTIPART_BYTES, maxSingleBytes),
    getChunkSize: ({ size }) => Math.max(PART_BYTES, Math.ceil(size / MOST_PARTS)),
  })
  // its types do not have the options of the store
  const memory = { indexedDB: kept } as object
  uppy.use(GoldenRetriever, memory)
  return uppy
}
