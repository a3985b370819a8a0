/**
 * Which tests run: `npm test` leaves out those that are marked `exhaustive`, `npm run test:all -- --rest` runs those and no
 * others, and `npm run test:all` runs all of them.
 */
export type Tier = 'quick' | 'rest' | 'all'

/** `'partly'`: the test belongs to both, and takes a share of its cases in each; see {@link pickCases}. */
export type Exhaustive = boolean | 'partly'

/** The tier of this process. A test file that is started by hand runs all its tests. */
export const tier: Tier = toTier(process.env.MEDIAD_TEST_TIER)

function toTier(value: string | undefined): Tier {
  if (value === undefined || value === 'quick' || value === 'rest' || value === 'all') return value ?? 'all'
  throw new Error(`MEDIAD_TEST_TIER is "${value}", and should be quick, rest or all`)
}

export function isInTier(exhaustive: Exhaustive): boolean {
  return tier === 'all' || exhaustive === 'partly' || exhaustive === (tier === 'rest')
}

/** The cases of a `'partly'` exhaustive test that run in this tier. */
export function pickCases<T>(cases: readonly T[], isQuick: (one: T) => boolean): T[] {
  return cases.filter((one) => isInTier(!isQuick(one)))
}

const suiteCall = /\bsuite\((?:'[^']*'|`[^`]*`)(, \{[^}]*\bexhaustive: true\b[^}]*\})?/g

/** Whether a test file has nothing that runs in a tier, by its text: such a file need not be started. */
export function isEmptyIn(wanted: Tier, text: string): boolean {
  if (wanted === 'rest') return !/\bexhaustive\b|\bquick: \[/.test(text)
  const suites = [...text.matchAll(suiteCall)]
  return wanted === 'quick' && suites.length > 0 && suites.every(([, mark]) => mark !== undefined)
}

/** Adds a test: `test(`, or `row(`; those of the rest are added with `test.exhaustive(` or, for short, `rest(`. */
const testCall = /\b(?:row|test|add|rowOnDisk|(rest(?:OnDisk)?))(\.exhaustive)?\(\s*['`]/g

/** Whether a test of a file runs in the quick tier at least in part, by the file's text and the title or a part of it. */
export function isQuickTest(text: string, title: string): boolean {
  const [, rest, mark] = [...text.slice(0, text.indexOf(title)).matchAll(testCall)].at(-1) ?? []
  return text.includes(title) && !isEmptyIn('quick', text) && rest === undefined && mark === undefined
}
