/**
 * Loaded before a test file: once uvu has finished, the process must end by itself. The watch does not keep the process
 * alive, so it only fires when a timer, socket, server or child process of a test does.
 */
const seconds = Number(process.env.MEDIAD_TEST_LINGER_SECONDS ?? 5)

const watch = setInterval(() => {
  if (process.exitCode === undefined) return // uvu sets it when the last suite is through
  clearInterval(watch)
  setTimeout(() => {
    console.error(
      `  FAIL still alive ${seconds} s after the last test, kept by: ${process.getActiveResourcesInfo().join(', ')}`,
    )
    process.exit(97)
  }, seconds * 1000).unref()
}, 100).unref()
