import type { UppyFile } from '@uppy/core'
import type { PageSettings } from '../../http/page/settings.ts'
import { createStore, type Store } from '../store.ts'
import { explainFailure, type UploadFailure } from './failure.ts'
import { createRetries } from './retries.ts'
import { createSpeed, type Speed } from './speed.ts'
import type { PageUpload } from './upload.ts'
import { createUppy, type PageUppy, type UploadBody, type UploadMeta } from './uppy.ts'

export type UploadsState = {
  /** The latest first. */
  readonly uploads: readonly PageUpload[]
  /** Why files were not accepted, in words. */
  readonly problems: readonly string[]
}

export type Uploads = Store<UploadsState> & {
  add(files: Iterable<File>): void
  pauseOrResume(id: string): void
  cancel(id: string): void
  retry(id: string): void
  /** Starts all failed uploads again. */
  retryAll(): void
  /** Removes an upload that has ended from the list, and the reasons why files were not accepted. */
  dismiss(id?: string): void
}

type UploadsDeps = {
  settings: PageSettings
  /** Name under which the browser remembers the uploads. */
  slot: string
  onSent: (key: string) => void
}

/** Uploads files with Uppy: each on its own, so that one that fails does not delay the others. */
export function createUploads({ settings, slot, onSent }: UploadsDeps): Uploads {
  const uppy = createUppy(settings, slot)
  const store = createStore<UploadsState>({ uploads: [], problems: [] })
  const { show, end, start, dismiss, failures, speeds, retries } = createRecords(uppy)
  const publish = () => store.update({ uploads: show() })

  uppy.on('file-added', ({ id }) => void start(id))
  uppy.on('restored', () => {
    uppy.setState({ currentUploads: {}, recoveredState: null })
    for (const { id, isGhost } of uppy.getFiles()) if (!isGhost) void start(id)
  })
  uppy.on('upload-progress', (file, { bytesUploaded }) => {
    if (!file) return
    speeds.get(file.id)?.add(bytesUploaded || 0)
    // a file that was paused before its turn starts all the same
    if (uppy.getFile(file.id)?.isPaused) uppy.emit('upload-pause', file, true)
  })
  uppy.on('s3-multipart:part-uploaded', ({ id }) => retries.forget(id))
  uppy.on('upload-error', (file, error) => {
    if (!file) return
    const failure = explainFailure(error)
    failures.set(file.id, failure)
    retries.plan(file.id, failure)
    publish()
  })
  uppy.on('upload-success', (file, { body }) => {
    if (!file || !body) return
    end(file, { state: 'sent', key: body.key, sentBytes: file.size ?? 0 })
    onSent(body.key)
  })
  uppy.on('restriction-failed', (file, { message }) => {
    const problem = file && !message.includes(file.name ?? '') ? `${file.name}: ${message}` : message
    store.update({ problems: [...store.read().problems, problem] })
  })
  uppy.on('is-online', retries.runAll)
  uppy.on('state-update', publish)

  return {
    ...store,
    add(files) {
      store.update({ problems: [] })
      uppy.addFiles(Array.from(files, (data) => ({ name: data.name, type: data.type, data })))
    },
    pauseOrResume: (id) => void uppy.pauseResume(id),
    cancel(id) {
      const file = uppy.getFile(id)
      if (!file) return
      end(file, { state: 'cancelled', key: null, sentBytes: 0 })
      uppy.removeFile(id)
    },
    retry: retries.run,
    retryAll: retries.runAll,
    dismiss(id) {
      if (id === undefined) store.update({ problems: [] })
      else if (dismiss(id)) publish()
    },
  }
}

type FileState = UppyFile<UploadMeta, UploadBody>

/** Keeps what Uppy does not: uploads that have ended, why others failed, and how fast they are. */
function createRecords(uppy: PageUppy) {
  const ended = new Map<string, PageUpload>()
  const failures = new Map<string, UploadFailure>()
  const speeds = new Map<string, Speed>()
  let order: readonly string[] = []
  const start = async (id: string) => {
    ended.delete(id)
    failures.delete(id)
    speeds.set(id, createSpeed())
    await uppy.retryUpload(id)
    if (uppy.getFile(id)?.progress.uploadComplete) uppy.removeFile(id)
  }
  const retries = createRetries(uppy, (id) => void start(id))
  const toUpload = (file: FileState): PageUpload => {
    const sizeBytes = file.size ?? 0
    const sentBytes = file.progress.bytesUploaded || 0
    const speed = speeds.get(file.id)?.read() ?? null
    return {
      id: file.id,
      name: file.name,
      sizeBytes,
      sentBytes,
      state: toState(file),
      problem: file.error ? (failures.get(file.id)?.text ?? file.error) : null,
      willRetry: retries.isPlanned(file.id),
      secondsLeft: speed ? (sizeBytes - sentBytes) / speed : null,
      key: null,
    }
  }
  return {
    start,
    retries,
    failures,
    speeds,
    show(): PageUpload[] {
      const running = new Map(uppy.getFiles().map((file) => [file.id, file]))
      order = [...[...running.keys()].filter((id) => !order.includes(id)).toReversed(), ...order]
      return order.flatMap((id) => {
        const file = running.get(id)
        return ended.get(id) ?? (file ? toUpload(file) : [])
      })
    },
    end(file: FileState, change: Pick<PageUpload, 'state' | 'key' | 'sentBytes'>): void {
      retries.forget(file.id)
      ended.set(file.id, { ...toUpload(file), problem: null, willRetry: false, secondsLeft: null, ...change })
    },
    dismiss: (id: string) => ended.delete(id),
  }
}

function toState(file: FileState): PageUpload['state'] {
  if (file.isGhost) return 'lost'
  if (file.error) return 'failed'
  if (file.isPaused) return 'paused'
  return file.progress.bytesUploaded ? 'uploading' : 'waiting'
}
