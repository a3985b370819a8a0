/** The two text formats in which Prometheus reads metrics. */
export type Format = 'text' | 'openmetrics'

export const contentTypes: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** Selects the format that a client prefers by its `accept` header; text if it prefers neither. */
export function toFormat(accept: string): Format {
  const quality = { text: 0, openmetrics: 0 }
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    const weight = Number(parameters.find((part) => part.startsWith('q='))?.slice(2) ?? 1)
    const version = parameters.find((part) => part.startsWith('version='))?.slice('version='.length)
    if (type === 'application/openmetrics-text' && (version === undefined || version === '1.0.0'))
      quality.openmetrics = Math.max(quality.openmetrics, weight)
    if (type === 'text/plain') quality.text = Math.max(quality.text, weight)
  }
  return quality.openmetrics > quality.text ? 'openmetrics' : 'text'
}

/**
 * Converts the text format to OpenMetrics 1.0. The name of a counter in OpenMetrics is that of its samples without `_total`.
 *
 * prom-client can write OpenMetrics itself, but then renames its counters for good: the next text has names without `_total`.
 */
export function toOpenMetrics(text: string): string {
  const renamed = text.replaceAll(
    /^# HELP (\w+)_total (.*)\n# TYPE \1_total counter$/gm,
    '# HELP $1 $2\n# TYPE $1 counter',
  )
  return `${renamed.replaceAll(/\n\n+/g, '\n').trimEnd()}\n# EOF\n`
}
