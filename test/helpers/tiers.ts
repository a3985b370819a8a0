/**
 * Selects tests: `npm test` leaves out the tests that are marked `exhaustive`, `npm run test:all -- --rest` runs only those,
 * and `npm run test:all` runs all tests.
 */
export type Tier = 'quick' | 'rest' | 'all'

/**
 * `'partly'`: the test runs in both tiers, with a part of its cases in each; see {@link pickCases}. `'named'`: it runs only
 * with all tests, or when its file is named in the command.
 */
export type Exhaustive = boolean | 'partly' | 'named'

/** The tier of this process. A test file that is started without the runner runs all its tests. */
export const tier: Tier = toTier(process.env.MEDIAD_TEST_TIER)

function toTier(value: string | undefined): Tier {
  if (value === undefined || value === 'quick' || value === 'rest' || value === 'all') return value ?? 'all'
  throw new Error(`MEDIAD_TEST_TIER is "${value}", but must be quick, rest or all`)
}

export function isInTier(exhaustive: Exhaustive): boolean {
  if (exhaustive === 'named') return tier === 'all'
  return tier === 'all' || exhaustive === 'partly' || exhaustive === (tier === 'rest')
}

/** Returns the cases of a `'partly'` exhaustive test that run in this tier. */
export function pickCases<T>(cases: readonly T[], isQuick: (one: T) => boolean): T[] {
  return cases.filter((one) => isInTier(!isQuick(one)))
}

const suiteCall = /\bsuite\((?:'[^']*'|`[^`]*`)(, \{[^}]*\bexhaustive: (?:true\b|'named')[^}]*\})?/g

/** Returns whether a test file, given its text, has no test in a tier. The runner does not start such a file. */
export function isEmptyIn(wanted: Tier, text: string): boolean {
  if (wanted === 'rest') return !/\bexhaustive\b(?!: 'named')|\bquick: \[/.test(text)
  const suites = [...text.matchAll(suiteCall)]
  return wanted === 'quick' && suites.length > 0 && suites.every(([, mark]) => mark !== undefined)
}

/** Matches calls that add a test, such as `test(` and `row(`. Exhaustive tests are added with `.exhaustive(` or its alias `rest(`. */
const testCall = /\b(?:row|test|add|rowOnDisk|(rest(?:OnDisk)?))(\.exhaustive)?\(\s*['`]/g

/** Returns whether a test runs in the quick tier, at least in part, given the text of its file and a part of its title. */
export function isQuickTest(text: string, title: string): boolean {
  const [, rest, mark] = [...text.slice(0, text.indexOf(title)).matchAll(testCall)].at(-1) ?? []
  return text.includes(title) && !isEmptyIn('quick', text) && rest === undefined && mark === undefined
}
