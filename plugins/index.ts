/** The built-in plugins. */
export { thumbnail } from './thumbnail/thumbnail.ts'
export { transcode } from './transcode/transcode.ts'
export { upload } from './upload.ts'
