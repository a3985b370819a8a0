import type { PageSettings } from '../http/page/settings.ts'

/** Reads the settings that the daemon wrote into the document. */
export function readSettings(): PageSettings {
  const text = document.querySelector('#settings')?.textContent ?? ''
  return JSON.parse(text) as PageSettings
}
