/** One sample of Prometheus's text format. */
export type Sample = { name: string; labels: Record<string, string>; value: number }

/** Reads the samples of a text. Throws for a line that is neither a sample nor a comment. */
export function readSamples(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line)
      if (match === null) throw new Error(`not a sample: ${line}`)
      const [, name = '', labels = '', value] = match
      const pairs = Array.from(labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g), ([, label = '', text = '']) => [
        label,
        text,
      ])
      return { name, labels: Object.fromEntries(pairs), value: Number(value?.replace('+Inf', 'Infinity')) }
    })
}

/** Returns the value of the one sample with this name and exactly these labels; undefined if there is none. */
export function sampleOf(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  return samples.find((sample) => sample.name === name && toKey(sample.labels) === toKey(labels))?.value
}

const toKey = (pairs: object): string => JSON.stringify(Object.entries(pairs).toSorted())
