import { defineConfig, env } from 'mediad'
import { thumbnail, transcode, upload } from 'mediad/plugins'

/** The same config as on AWS: the AWS SDK reads the endpoints of S3 and SQS from the environment, which is in mediad.env. */
export default defineConfig({
  bucket: env('MEDIAD_BUCKET'),
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL') },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL') },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  plugins: [transcode(), thumbnail(), upload()],
})
