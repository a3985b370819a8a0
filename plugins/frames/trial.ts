import type { Mastering, VideoStream } from 'mediad'

/** Filters that convert any frame to HDR with an alpha channel. */
const demandingFilters = [
  'format=yuva420p10le',
  'setparams=range=tv:color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc',
]

/** Metadata of a common HDR10 mastering display: P3 primaries, 1000 cd/m². */
const mastering: Mastering = {
  display: {
    red: { x: 34_000, y: 16_000 },
    green: { x: 13_250, y: 34_500 },
    blue: { x: 7500, y: 3000 },
    white: { x: 15_635, y: 16_450 },
    luminance: { min: 1, max: 10_000_000 },
  },
  light: { max: 1000, average: 400 },
}

/** Returns a source that needs every filter: HDR with transparency, possibly interlaced, with an unknown frame rate. */
export function toDemanding(video: VideoStream): VideoStream {
  const colours = { range: 'tv', primaries: 'bt2020', transfer: 'smpte2084', matrix: 'bt2020nc', mastering }
  return { ...video, ...colours, codec: 'h264', pixelFormat: 'yuva420p10le', maxFramesPerSecond: null }
}

/** Adds the filters that turn the sample into the source of {@link toDemanding} in front of those in `-vf` or of a graph. */
export function afterDemanding(options: readonly string[]): string[] {
  const graph = options.indexOf('-filter_complex') + 1
  if (graph > 0)
    return options.with(graph, (options[graph] ?? '').replace(/^\[.*?\]/, `$&${demandingFilters.join(',')},`))
  const filters = options.indexOf('-vf') + 1
  return options.with(filters, [...demandingFilters, options[filters]].join(','))
}
