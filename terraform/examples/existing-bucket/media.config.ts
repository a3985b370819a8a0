import { defineConfig, env } from 'mediad'
import { thumbnail, transcode, upload } from 'mediad/plugins'

/** The prefixes must equal those in main.tf. */
export default defineConfig({
  bucket: env('MEDIAD_BUCKET'),
  source: { prefix: 'uploads/' },
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL') },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL') },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  plugins: [transcode({ key: 'videos/{name}.mp4' }), thumbnail({ key: 'thumbnails/{name}.jpg' }), upload()],
})
