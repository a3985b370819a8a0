#!/usr/bin/env node
// Node reads this file completely before it runs it, so it has only syntax that old versions can parse, and no static imports
const oldest = 24

if (Number.parseInt(process.versions.node, 10) < oldest) {
  process.stderr.write(
    `mediad needs Node ${oldest} or newer; this is Node ${process.versions.node} (${process.execPath}).\n` +
      'Install it from https://nodejs.org, or add it to your project: npm install --save-dev node@24\n' +
      'In a project, install again with that Node, because npm leaves out packages that need a newer Node than its own: ' +
      'PATH=$PWD/node_modules/.bin:$PATH npm install\n',
  )
  process.exit(2)
}

// compiling is a tenth of the CPU time of a start, and half of it from the sources, whose types are stripped. The folder is
// the user's: in a shared one, such as the default below /tmp, another user could place compiled code
const [{ enableCompileCache }, { homedir }, { join }] = await Promise.all([
  import('node:module'),
  import('node:os'),
  import('node:path'),
])
try {
  enableCompileCache(join(homedir(), '.cache', 'mediad')) // without a writable folder it does nothing
} catch {
  // the user of a container can be one without a home folder
}

const { runCommandLine } = await import('./cli/program.ts')
// the one place that ends the process: everything below returns
process.exit(await runCommandLine(process.argv.slice(2)))
