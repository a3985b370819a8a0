// A page with the stock client. `ENDPOINT_OPTION` and `test/uploads/site.ts` choose the version.
import Uppy from '@uppy/core'
import AwsS3 from '@uppy/aws-s3'
import GoldenRetriever from '@uppy/golden-retriever'

const MIB = 1024 * 1024
const parameters = new URL(location.href).searchParams

const uppy = new Uppy({ id: 'uploads' }).use(AwsS3, {
  [ENDPOINT_OPTION]: parameters.get('endpoint'),
  ...(parameters.has('multipart') && { shouldUseMultipart: true }),
})
if (parameters.has('retriever')) uppy.use(GoldenRetriever)

/** Holds back the bodies of parts from a number on, until they are released. */
const gate = { from: Infinity, held: new Map() }
const { open, send, abort } = XMLHttpRequest.prototype
const partNumbers = new WeakMap()
XMLHttpRequest.prototype.open = function (method, url, ...rest) {
  partNumbers.set(this, Number(new URL(url, location.href).searchParams.get('partNumber')))
  return open.call(this, method, url, ...rest)
}
XMLHttpRequest.prototype.send = function (body) {
  if (partNumbers.get(this) < gate.from) send.call(this, body)
  else gate.held.set(this, body)
}
XMLHttpRequest.prototype.abort = function () {
  gate.held.delete(this)
  abort.call(this)
}

/** The same bytes as `makeContent` in content.ts. Its pieces share the zeros, so that a large file needs no memory. */
function makeFile({ name, sizeBytes, seed }) {
  const zeros = new Blob([new Uint8Array(MIB - 8)])
  const pieces = []
  for (let at = 0; at < sizeBytes; at += MIB) {
    const size = Math.min(MIB, sizeBytes - at)
    pieces.push(new Uint32Array([seed, at / MIB]), zeros.slice(0, size - 8))
  }
  return new File(pieces, name, { type: 'video/mp4', lastModified: 1 })
}

/** Waits for a request to IndexedDB. */
function toResult(request) {
  const { promise, resolve, reject } = Promise.withResolvers()
  request.addEventListener('success', () => resolve(request.result))
  request.addEventListener('error', () => reject(request.error))
  return promise
}

/** Reads all records of all databases, and localStorage. */
async function readSaved() {
  const saved = [{ ...localStorage }]
  for (const { name } of await indexedDB.databases()) {
    const database = await toResult(indexedDB.open(name))
    for (const store of database.objectStoreNames)
      saved.push(await toResult(database.transaction(store).objectStore(store).getAll()))
    database.close()
  }
  return JSON.stringify(saved)
}

globalThis.uploads = {
  saved: readSaved,
  add: (file) => void uppy.addFile({ name: file.name, type: 'video/mp4', data: makeFile(file) }),
  start: () => void uppy.upload(),
  retry: () => void uppy.retryAll(),
  cancel: () => uppy.cancelAll(),
  /** Continues what the page restored. */
  restore: () => uppy.emit('restore-confirmed'),
  pause: () => uppy.pauseAll(),
  resume: () => uppy.resumeAll(),
  hold: (from) => void (gate.from = from),
  heldParts: () => gate.held.size,
  release() {
    gate.from = Infinity
    for (const [request, body] of gate.held) send.call(request, body)
    gate.held.clear()
  },
  files: () =>
    uppy.getFiles().map(({ name, progress, error, response, isGhost, isPaused, s3Multipart }) => ({
      name,
      isComplete: progress.uploadComplete === true,
      sentBytes: progress.bytesUploaded || 0,
      error: error ?? null,
      key: response?.body?.key ?? new URL(response?.uploadURL ?? location.href).pathname,
      location: response?.uploadURL ?? null,
      isGhost: isGhost === true,
      isPaused: isPaused === true,
      uploadId: s3Multipart?.uploadId ?? null,
    })),
}
