import { defineConfig, env } from 'mediad'
import { thumbnail, transcode, upload } from 'mediad/plugins'

export default defineConfig({
  bucket: env('MEDIAD_BUCKET'),
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL'), concurrency: 2 },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL') },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  // Drains before the instance is terminated.
  shutdown: { graceSeconds: 90, metadataUrl: 'http://169.254.169.254' },
  plugins: [transcode(), thumbnail(), upload()],
})
