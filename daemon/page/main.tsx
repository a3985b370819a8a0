import { render } from 'preact'
import { createClient } from '../client/index.ts'
import { createJobs } from './jobs/jobs.ts'
import { createUrls } from './player/urls.ts'
import { base, installFetch } from './requests.ts'
import { createSession } from './session.ts'
import { readSettings } from './settings.ts'
import { claimSlot } from './upload/slot.ts'
import { createUploads } from './upload/uploads.ts'
import { App } from './view/app.tsx'

const settings = readSettings()
const session = createSession(sessionStorage)
installFetch(session)
const jobs = createJobs(createClient({ endpoint: base }), sessionStorage)
const slot = await claimSlot(sessionStorage)
const uploads = createUploads({ settings, slot, onSent: jobs.follow })
const urls = createUrls(settings, session)

const parent = document.querySelector('#app')
if (parent) render(<App page={{ settings, session, uploads, jobs, urls }} />, parent)
void jobs.load()

addEventListener('online', () => void jobs.load())
