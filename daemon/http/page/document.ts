import { createHash } from 'node:crypto'
import type { PageSettings } from './settings.ts'
import type { Bundle } from './bundle.ts'

export type PageDocument = { readonly html: string; readonly etag: string }

/** Renders the document of the page. It contains no script; its settings are data that the script reads. */
export function renderDocument({ script, style }: Bundle, settings: PageSettings): PageDocument {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>mediad</title>
<link rel="icon" href="data:image/svg+xml,${icon}">
<link rel="stylesheet" href="page/${style}">
<script type="application/json" id="settings">${toInlineJson(settings)}</script>
<script type="module" src="page/${script}"></script>
</head>
<body>
<noscript><p class="noscript">This page needs JavaScript.</p></noscript>
<div id="app"></div>
</body>
</html>
`
  return { html, etag: `"${createHash('sha256').update(html).digest('base64url').slice(0, 22)}"` }
}

/** Renders the response to a request for a page that was not built. */
export function renderMissing(): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>mediad: the page is not built</title>
<h1>The page is not built</h1>
<p>Run <code>npm run build:page</code> in the repository, and load this page again. <code>npm run setup</code> and <code>npm run build</code> build it too.
<p>The endpoint itself works. The option <code>http.page: false</code> turns the page off.
`
}

/**
 * The policy of the page: its own scripts, and requests to the endpoint and to the bucket. Inline styles are allowed for the
 * controls of the player, whose shadow trees contain style elements.
 *
 * @param storage origin of the bucket, to which the page uploads and from which it plays
 */
export function toContentSecurityPolicy(storage: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    `connect-src 'self' ${storage}`,
    `img-src 'self' data: blob: ${storage}`,
    `media-src 'self' blob: ${storage}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

const icon = encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#2f5bd7"/>' +
    '<path d="M12 9.5v13l11-6.5z" fill="#fff"/></svg>',
)

/** A `<` in JSON could end the script element. */
function toInlineJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', String.raw`\u003c`)
}
