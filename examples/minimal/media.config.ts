/**
 * The smallest config: a bucket, three queues, a chain. Everything else has a default.
 *
 *   npm run mediad -- start --local --config examples/minimal/media.config.ts
 *   npm run mediad -- run film.mp4 --config examples/minimal/media.config.ts
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
