#!/usr/bin/env node
import { runCommandLine } from './cli/program.ts'

// the one place that ends the process: everything below returns
process.exit(await runCommandLine(process.argv.slice(2)))
