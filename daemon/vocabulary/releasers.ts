/** Releases everything that was acquired, in reverse order. */
export type Releasers = {
  /**
   * Runs every release once, even when one throws. Repeated calls return the same promise.
   *
   * @throws AggregateError of all releases that failed
   */
  release(): Promise<void>
}

/** Adds the release of something that was acquired; `name` identifies it in errors. */
export type Push = (name: string, release: () => unknown) => void

/**
 * Runs `acquire`, which pushes a release for everything it acquires. When it throws, everything acquired so far is
 * released and the error is thrown again.
 */
export async function withReleasers(acquire: (push: Push) => Promise<void>): Promise<Releasers> {
  const stack: Entry[] = []
  let released: Promise<void> | null = null
  const release = () => (released ??= releaseAll(stack))
  try {
    await acquire((name, release) => stack.push({ name, release }))
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

type Entry = { readonly name: string; readonly release: () => unknown }

async function releaseAll(stack: readonly Entry[]): Promise<void> {
  const errors: Error[] = []
  for (const { name, release } of stack.toReversed()) {
    try {
      await release()
    } catch (error) {
      errors.push(new Error(`could not release ${name}`, { cause: error }))
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, errors.map(({ message }) => message).join('; '))
}
