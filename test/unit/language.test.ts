/**
 * Plain technical English: words of our own that crept in before stay out of code, tests and docs. The right column is
 * what to write instead. A place that quotes another program's text is listed in `quoted`.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')

/** Patterns match anywhere in a line, within identifiers too. */
const words: readonly [pattern: RegExp, instead: string][] = [
  [/picture/i, 'frame, video, image'],
  [/film/i, 'video, file'],
  [/sound/i, 'audio'],
  [/\bmend/i, 'fix, repair'],
  [/\bbur(?:y|ied|ies|ial|ying)|[a-z]Bur(?:y|ied|ial)/i, 'dead-letter'],
  [/litter\b|Litter/, 'stale workspaces, stale files'],
  [/janitor/i, 'workspace cleanup'],
  [/leftover/i, 'stale multipart uploads'],
  [/\bbrakes?\b|Brake/, 'circuit breaker'],
  [/loosen/i, 'reset'],
  [/\bstray|Stray/, 'unhandled error'],
  [/\banew\b|Anew\b/, 'again, re-encoded'],
  [/woven|\bweave/i, 'deinterlaced'],
  [/half-picture/i, 'field'],
  [/spoil/i, 'corrupt'],
  [/\bupright\b|UPRIGHT/, 'rotated, display orientation applied'],
  [/without a word/i, 'without reporting a result'],
  [/(?<!\bthere )\b(?:is|are) no (?!longer|more)\w/i, 'is not a'],
  [/whole numbers?\b/i, 'integer'],
  [/shelf/i, 'stores'],
  [/recipe/i, 'options, encode settings'],
  [/\bflaws?\b|Flaw/, 'defect'],
  [/\bproofs?\b|Proof/, 'decode check, evidence'],
  [/[Nn]otices\b|\bnotice of\b|[a-z]Notice\b/, 'interruption, event notification'],
  [/\bsays? so\b|\btells? of\b/i, 'reports'],
  [/\bgoes? back to work\b/i, 'is returned to the queue'],
]

/** Text of other programs and standards. */
const quoted: readonly RegExp[] = [/Picture size/, /attached[_ ]pic(?:ture)?/, /https?:\/\/\S+/g, /\bweave=|`weave`/]

const files = globSync(
  [
    '*.md',
    'docs/**/*.md',
    '{daemon,plugins,examples,test}/**/*.{ts,md}',
    'terraform/**/*.{tf,hcl,sh,tftpl,service,md,txt}',
    '.ci/*',
  ],
  { cwd: root },
).filter((file) => file !== 'test/unit/language.test.ts' && !file.includes('node_modules'))

const test = suite('language')

test('no word of our own where the field has one', () => {
  const found = files.flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, at) => {
        const text = quoted.reduce((rest, pattern) => rest.replace(pattern, ''), line)
        return words
          .filter(([pattern]) => pattern.test(text))
          .map(([pattern, instead]) => `${file}:${at + 1} ${pattern.exec(text)?.[0]} → ${instead}`)
      }),
  )
  assert.equal(found, [])
})
