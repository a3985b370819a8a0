/** What was acquired, and how it is given back: last in, first out, once. */
export type Releasers = {
  /** Runs every release, in reverse order, even when one throws; then throws what was thrown, together. */
  release(): Promise<void>
}

export type Push = (what: string, release: () => unknown) => void

/**
 * Runs `acquire`, which pushes a release for everything it gets hold of. When it fails half way, what was got is released
 * and the failure thrown on.
 */
export async function withReleasers(acquire: (push: Push) => Promise<void>): Promise<Releasers> {
  const stack: { what: string; release: () => unknown }[] = []
  let released: Promise<void> | null = null
  const release = () => (released ??= releaseAll(stack))
  try {
    await acquire((what, release) => stack.push({ what, release }))
  } catch (error) {
    try {
      await release()
    } catch (releaseError) {
      throw new AggregateError([error, releaseError], (error as Error).message, { cause: releaseError })
    }
    throw error
  }
  return { release }
}

async function releaseAll(stack: { what: string; release: () => unknown }[]): Promise<void> {
  const errors: Error[] = []
  for (const { what, release } of stack.toReversed()) {
    try {
      await release()
    } catch (error) {
      errors.push(new Error(`could not release ${what}`, { cause: error }))
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, errors.map(({ message }) => message).join('; '))
}
