/**
 * The smallest config: a bucket, three queues and a chain. Every other option has a default.
 *
 *   npm run mediad -- start --local --config examples/minimal/media.config.ts
 *   npm run mediad -- run video.mp4 --config examples/minimal/media.config.ts
 */
import { defineConfig, env } from 'mediad'
import { transcode, upload } from 'mediad/plugins'

export default defineConfig({
  bucket: env('MEDIAD_BUCKET', 'media'),
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL') },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL') },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  plugins: [transcode(), upload()],
})
