import type { Config } from '../config/config.ts'
import { createDocuments } from '../job/documents.ts'
import { createDead, type Dead } from '../operate/dead.ts'
import { createJobs, type Jobs } from '../operate/jobs.ts'
import { createRequeue, type Requeue } from '../operate/requeue.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { createQueue, createSqsClient } from '../queue/queue.ts'
import { createQueues } from '../queue/queues.ts'
import { createS3Client } from '../storage/client.ts'
import { createDownload, type Download } from '../storage/download.ts'
import { createList } from '../storage/list.ts'
import { createPresignGet, type PresignGet } from '../storage/presign.ts'
import { createStorage, type Storage } from '../storage/storage.ts'

export type Operator = {
  jobs: Jobs
  dead: Dead
  requeue: Requeue
  download: Download
  /** The URL is valid for `http.urlSeconds`. */
  presignGet: PresignGet
  head: Storage['head']
  /** Closes the connections. */
  close(): void
}

/** Creates the dependencies of the commands for operators. They are too few for a container. */
export function composeOperator({ config, log }: { config: Config; log: DaemonLog }): Operator {
  const { bucket, queues: urls, routes, state, job: limits } = config
  const s3 = createS3Client()
  const sqs = createSqsClient()
  const open = ({ url }: { url: string }) => createQueue({ client: sqs, url })
  const queues = createQueues({ work: open(urls.work), inProgress: open(urls.inProgress), dead: open(urls.dead) })
  const storage = createStorage({ client: s3, bucket })
  const documents = createDocuments({ storage, prefix: state.prefix })
  const scope = { bucket, routes }
  const jobs = createJobs({ list: createList({ client: s3, bucket }), documents, bucket, statePrefix: state.prefix })
  return {
    jobs,
    dead: createDead({ queues, documents, jobs, scope, log }),
    requeue: createRequeue({ jobs, queues, storage, scope, limits }),
    download: createDownload({ client: s3 }),
    presignGet: createPresignGet({ client: s3, bucket, urlSeconds: config.http.urlSeconds }),
    head: storage.head,
    close() {
      s3.destroy()
      sqs.destroy()
    },
  }
}
