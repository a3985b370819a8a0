/** The built-in plugins. */
export { dash } from './streaming/dash.ts'
export { hls } from './streaming/hls.ts'
export { storyboard } from './storyboard/storyboard.ts'
export { thumbnail } from './thumbnail/thumbnail.ts'
export { transcode } from './transcode/transcode.ts'
export { upload } from './upload.ts'
