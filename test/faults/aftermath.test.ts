import { suite } from '../helpers/suite.ts'
import {
  deadLettering,
  deadLetteringBySweeper,
  explore,
  EXPLORATION_SECONDS,
  findLabels,
  leaseWait,
  takeover,
} from './explore.ts'
import { runWithKill, toBreakpoints } from './kills.ts'
import { pickBreakpoints, windows } from './windows.ts'
import { runInParallel } from '../helpers/parallel.ts'

const row = runInParallel(suite('crashes after a crash or a failure', { timeoutSeconds: EXPLORATION_SECONDS }))

const exhaustive = 'partly'

row(
  'killed at any call of a takeover: a third daemon finishes the job, once',
  async () => {
    const breakpoints = await pickBreakpoints(windows.takeover, async () =>
      toBreakpoints(await findLabels(takeover), isSweepCall),
    )
    await explore(breakpoints, (breakpoint) => runWithKill(takeover, breakpoint))
  },
  { exhaustive },
)

row.exhaustive(
  'killed while it waits for the lease of a dead daemon to go stale: a third daemon finishes the job, once',
  async () => {
    const labels = await findLabels(leaseWait)
    const breakpoints = toBreakpoints(labels.filter(isFirstCheck), isPostponeCall)
    await explore(breakpoints, (breakpoint) => runWithKill(leaseWait, breakpoint))
  },
)

row(
  'killed at any call of a failure, a second attempt and dead-lettering: the job ends dead',
  async () => {
    const breakpoints = await pickBreakpoints(windows.deadLettering, async () =>
      toBreakpoints(await findLabels(deadLettering), isDeadLetterCall),
    )
    await explore(breakpoints, (breakpoint) => runWithKill(deadLettering, breakpoint))
  },
  { exhaustive },
)

row(
  'killed at any call of dead-lettering by a sweeper: the job ends dead',
  async () => {
    const breakpoints = await pickBreakpoints(windows.deadLetteringBySweeper, async () =>
      toBreakpoints(await findLabels(deadLetteringBySweeper), isDeadLetterCall),
    )
    await explore(breakpoints, (breakpoint) => runWithKill(deadLetteringBySweeper, breakpoint))
  },
  { exhaustive },
)

/** The sweeper repeats the same calls for each check of the lease; only the first check is explored. */
const isFirstCheck = (label: string) =>
  /^claiming: (?:(?:ReceiveMessage|ChangeMessageVisibility) in-progress|GET document) #1$/.test(label)

// the calls that are explored without MEDIAD_FAULTS=all
const isPostponeCall = (label: string) => label.includes('ChangeMessageVisibility')
const isSweepCall = (label: string) =>
  / DeleteMessage in-progress #1$|HEAD source|SendMessage work|GET document #1$/.test(label)
const isDeadLetterCall = (label: string) =>
  /SendMessage dead|PUT document (?:dead|failed)|DeleteMessage in-progress/.test(label)
