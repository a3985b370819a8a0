/**
 * Generates the tables of docs/*.md. Each is between two comments. The first one names the table and, for options of the config,
 * the paths it lists, or the folder of a Terraform module: `<!-- table config job -->` … `<!-- end of table -->`.
 */
import { schema as config } from '../../daemon/config/schema.ts'
import { definitions, processMetrics, type Definition } from '../../daemon/metrics/definitions.ts'
import { storyboardOptions } from '../../plugins/storyboard/options.ts'
import { thumbnailOptions } from '../../plugins/thumbnail/options.ts'
import { renditionOptions } from '../../plugins/ladder/options.ts'
import { toMaxrateKbps } from '../../plugins/ladder/rates.ts'
import { audioCodecs, videoCodecs, type VideoCodec } from '../../plugins/transcode/codecs.ts'
import { transcodeOptions } from '../../plugins/transcode/options.ts'
import { dashOptions } from '../../plugins/streaming/dash.ts'
import { hlsOptions } from '../../plugins/streaming/hls.ts'
import { uploadOptions } from '../../plugins/upload.ts'
import { toOptionRows } from './options.ts'
import { toOutputRows, toVariableRows } from './terraform.ts'

export const pages = [
  'docs/configuration.md',
  'docs/plugins.md',
  'docs/streaming.md',
  'docs/monitoring.md',
  'docs/terraform.md',
]

const optionHead = ['option', 'default', 'values', 'meaning']

const tables: Readonly<Record<string, (paths: readonly string[]) => readonly (readonly string[])[]>> = {
  config: (paths) => [optionHead, ...toOptionRows(config, paths)],
  transcode: () => [optionHead, ...toOptionRows(transcodeOptions)],
  thumbnail: () => [optionHead, ...toOptionRows(thumbnailOptions)],
  storyboard: () => [optionHead, ...toOptionRows(storyboardOptions)],
  rendition: () => [optionHead, ...toOptionRows(renditionOptions)],
  maxrates: () => [['short side', ...codecNames], ...toMaxrateRows()],
  hls: () => [optionHead, ...toOptionRows(hlsOptions)],
  dash: () => [optionHead, ...toOptionRows(dashOptions)],
  upload: () => [optionHead, ...toOptionRows(uploadOptions)],
  videoCodecs: () => [['codec', '`crf`', '`preset`', 'containers', 'encoder'], ...toVideoRows()],
  metrics: () => [['metric', 'type', 'labels', 'meaning'], ...toMetricRows()],
  processMetrics: () => [['metric of the process', 'meaning'], ...toProcessRows()],
  variables: (folders) => [['variable', 'type', 'default', 'meaning'], ...folders.flatMap(toVariableRows)],
  outputs: (folders) => [['output', 'meaning'], ...folders.flatMap(toOutputRows)],
  audioCodecs: () => [['audio codec', '`audio.kbps`', 'containers', 'encoder'], ...toAudioRows()],
}

/** Returns the page with its tables generated again. */
export function renderTables(page: string): string {
  return page.replaceAll(/^<!-- table [\w./ ]+ -->\n[^]*?^<!-- end of table -->$/gm, (table) => {
    const [start = ''] = table.split('\n')
    const [name = '', ...paths] = start.replace('<!-- table ', '').replace(' -->', '').split(' ')
    const toRows = tables[name]
    if (toRows === undefined)
      throw new Error(`there is no table ${name}; known tables: ${Object.keys(tables).join(', ')}`)
    return `${start}\n\n${renderTable(toRows(paths))}\n\n<!-- end of table -->`
  })
}

function toMetricRows(): string[][] {
  return Object.entries<Definition>(definitions).map(([name, { kind, labels = {}, help }]) => [
    `\`${name}\``,
    kind,
    Object.entries(labels).map(toLabel).join('; '),
    help,
  ])
}

function toLabel([name, values]: [string, readonly string[] | string]): string {
  return `\`${name}\`: ${typeof values === 'string' ? values : values.map((value) => `\`${value}\``).join(', ')}`
}

const toProcessRows = () => Object.entries(processMetrics).map(([name, help]) => [`\`${name}\``, help])

function toVideoRows(): string[][] {
  return Object.entries(videoCodecs).map(([codec, { crf, preset, containers, encoder }]) => [
    `\`${codec}\``,
    `0 to ${crf.max}, default ${crf.default}`,
    `${toSpan(preset.allowed)}, default ${toCode(preset.default)}`,
    containers.join(', '),
    `\`${encoder}\``,
  ])
}

const codecNames = Object.keys(videoCodecs) as VideoCodec[]

/** Rows with the highest bit rates of renditions, in kbit/s. */
function toMaxrateRows(): string[][] {
  return [2160, 1440, 1080, 720, 540, 480, 360].map((side) =>
    [String(side)].concat(codecNames.map((codec) => String(toMaxrateKbps(side, codec, 30)))),
  )
}

function toAudioRows(): string[][] {
  return Object.entries(audioCodecs).map(([codec, { kbps, containers, encoder }]) => [
    `\`${codec}\``,
    `default ${kbps}`,
    containers.join(', '),
    `\`${encoder}\``,
  ])
}

/** Describes a range of presets. Numbers start with the slowest preset, names with the fastest. */
function toSpan(allowed: readonly (string | number)[]): string {
  const [first = '', last = ''] = [allowed[0], allowed.at(-1)]
  return typeof first === 'number' ? `${first} (slowest) to ${last}` : `${toCode(first)} to ${toCode(last)}`
}

const toCode = (value: string | number) => (typeof value === 'string' ? `\`${value}\`` : String(value))

/** Renders a Markdown table with columns padded like the formatter pads them. */
function renderTable(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => [...(row[column] ?? '')].length)))
  const render = (row: readonly string[], fill = ' ') =>
    `| ${row.map((cell, column) => cell + fill.repeat((widths[column] ?? 0) - [...cell].length)).join(' | ')} |`
  const line = render(
    head.map(() => ''),
    '-',
  )
  return [render(head), line, ...rows.slice(1).map((row) => render(row))].join('\n')
}
