/** The plugins that come with mediad. */
export { thumbnail } from './thumbnail.ts'
export { transcode } from './transcode.ts'
export { upload } from './upload.ts'
