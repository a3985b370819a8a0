/**
 * Your own plugins go into the chain like the built-in ones.
 *
 *   npm run mediad -- run video.mp4 --config examples/custom-plugin/media.config.ts
 */
import { defineConfig, env } from 'mediad'
import { upload } from 'mediad/plugins'
import { contactSheet } from './contact-sheet.ts'

export default defineConfig({
  bucket: env('MEDIAD_BUCKET', 'media'),
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL') },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL') },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  plugins: [contactSheet({ columns: 3, rows: 2 }), upload()],
})
