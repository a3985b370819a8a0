import type { Operation } from '../route.ts'
import { idParams, keyQuery } from './find.ts'
import { jobPageSchema, listQuery } from './list.ts'
import { urlsQuery } from './output-urls.ts'
import { publicJobSchema } from './public.ts'

/** The descriptions of the routes of jobs. */

const eventStream = {
  description: 'The events, as Server-Sent Events. The data of each is a job.',
  contentType: 'text/event-stream',
}
const finished = { description: 'The client has received the last event: there is nothing to reconnect to.' }
const stillFollowed =
  'Events: `queued`, `started`, `progress`, `playable`, `outputs`, `succeeded`, `failed`, `dead`. The stream ends after ' +
  '`succeeded` and `dead`. The header `last-event-id` resumes after that event.'

export const getJob: Operation = {
  id: 'getJob',
  summary: 'Read a job',
  params: idParams,
  query: urlsQuery,
  responses: { 200: { description: 'The job.', schema: publicJobSchema } },
  problems: ['request.invalid', 'request.forbidden', 'job.not_found'],
}

export const getJobByKey: Operation = {
  id: 'getJobByKey',
  summary: 'Read a job by the key of its source',
  description: 'Also finds an upload that no daemon has claimed: its state is `queued`.',
  query: keyQuery.extend(urlsQuery.shape),
  responses: { 200: { description: 'The job.', schema: publicJobSchema } },
  problems: ['request.invalid', 'request.forbidden', 'job.not_found'],
}

export const followJob: Operation = {
  id: 'followJob',
  summary: 'Follow a job',
  description: stillFollowed,
  params: idParams,
  responses: { 200: eventStream, 204: finished },
  problems: ['job.not_found', 'request.streams'],
}

export const followKey: Operation = {
  id: 'followJobByKey',
  summary: 'Follow a job by the key of its source',
  description: stillFollowed,
  query: keyQuery,
  responses: { 200: eventStream, 204: finished },
  problems: ['request.invalid', 'job.not_found', 'request.streams'],
}

export const listJobs: Operation = {
  id: 'listJobs',
  summary: 'List jobs, the newest first',
  query: listQuery,
  responses: { 200: { description: 'A page of jobs.', schema: jobPageSchema } },
  problems: ['request.invalid', 'job.too_many'],
}
