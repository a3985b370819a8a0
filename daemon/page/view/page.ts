import type { PageSettings } from '../../http/page/settings.ts'
import type { PageJobs } from '../jobs/jobs.ts'
import type { Urls } from '../player/urls.ts'
import type { Session } from '../session.ts'
import type { Uploads } from '../upload/uploads.ts'

/** The parts of the page that the view shows and controls. */
export type Page = {
  readonly settings: PageSettings
  readonly session: Session
  readonly uploads: Uploads
  readonly jobs: PageJobs
  readonly urls: Urls
}
