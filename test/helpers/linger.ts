/**
 * Preloaded before a test file. Fails a process that does not end by itself after its last test. These timers do not keep
 * the process alive; a timer, socket, server or child process of a test does.
 */
const seconds = Number(process.env.MEDIAD_TEST_LINGER_SECONDS ?? 5)

const watch = setInterval(() => {
  if (process.exitCode === undefined) return // uvu sets it when the last suite has finished
  clearInterval(watch)
  setTimeout(() => {
    console.error(
      `  FAIL still running ${seconds} s after the last test because of: ${process.getActiveResourcesInfo().join(', ')}`,
    )
    process.exit(97)
  }, seconds * 1000).unref()
}, 100).unref()
