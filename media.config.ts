import { defineConfig, env } from 'mediad'
import { thumbnail, transcode, upload } from 'mediad/plugins'

export default defineConfig({
  bucket: env('MEDIAD_BUCKET', 'media'),
  source: { prefix: 'origin_' },
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL'), poll: '*/5 * * * * *', concurrency: 2 },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL'), poll: '*/7 * * * * *', concurrency: 1 },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  job: { attempts: 5, leaseSeconds: 60 },
  http: { port: 3000 },
  plugins: [transcode({ codec: 'h264', crf: 23, preset: 'medium' }), thumbnail({ at: '10%' }), upload()],
})
