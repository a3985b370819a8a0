import * as assert from 'uvu/assert'
import { checkConfig } from '../../daemon/config/check.ts'
import { MediadError } from '../../daemon/index.ts'

/** Returns the problems of a config: the lines of the message, without the first. */
export function problemsOf(user: unknown): string[] {
  try {
    checkConfig(user)
  } catch (error) {
    assert.instance(error, MediadError)
    assert.is((error as MediadError).code, 'config.invalid')
    return (error as MediadError).message
      .split('\n')
      .slice(1)
      .map((line) => line.trim())
  }
  return []
}

/** Returns a function that checks that a change to a valid config is the only problem. */
export function onlyIn(valid: object): (change: object, expected: RegExp) => void {
  return (change, expected) => {
    const problems = problemsOf({ ...valid, ...change })
    assert.is(problems.length, 1, problems.join('\n'))
    assert.match(problems[0] ?? '', expected)
  }
}
