/** The plugins that come with mediad. */
export { thumbnail } from './thumbnail/thumbnail.ts'
export { transcode } from './transcode/transcode.ts'
export { upload } from './upload.ts'
