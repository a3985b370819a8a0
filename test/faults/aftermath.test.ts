import { suite } from '../helpers/suite.ts'
import {
  deadLettering,
  explore,
  EXPLORATION_SECONDS,
  findLabels,
  deadLetteringBySweeper,
  takeover,
  leaseWait,
} from './explore.ts'
import { runWithKill, toStops } from './kills.ts'
import { toTierStops, windows } from './windows.ts'
import { runInParallel } from '../helpers/parallel.ts'

const row = runInParallel(suite('aftermath', { timeoutSeconds: EXPLORATION_SECONDS }))

const exhaustive = 'partly'

row(
  'killed at any call of a takeover: the third daemon ends the job, once',
  async () => {
    const stops = await toTierStops(windows.takeover, async () => toStops(await findLabels(takeover), isSweeping))
    await explore(stops, (stop) => runWithKill(takeover, stop))
  },
  { exhaustive },
)

row.exhaustive(
  'killed while it waits for the lease of a dead daemon to end: the third one ends the job, once',
  async () => {
    const labels = await findLabels(leaseWait)
    await explore(toStops(labels.filter(isFirstPoll), isPostponed), (stop) => runWithKill(leaseWait, stop))
  },
)

row(
  'killed at any call of a failure, a second attempt and a burial: dead all the same',
  async () => {
    const stops = await toTierStops(windows.deadLettering, async () =>
      toStops(await findLabels(deadLettering), isDeadLettering),
    )
    await explore(stops, (stop) => runWithKill(deadLettering, stop))
  },
  { exhaustive },
)

row(
  'killed at any call of a burial by a sweeper: dead all the same',
  async () => {
    const stops = await toTierStops(windows.deadLetteringBySweeper, async () =>
      toStops(await findLabels(deadLetteringBySweeper), isDeadLettering),
    )
    await explore(stops, (stop) => runWithKill(deadLetteringBySweeper, stop))
  },
  { exhaustive },
)

/** It looks again and again, and every time it does the same. */
const isFirstPoll = (label: string) =>
  /^claiming: (?:(?:ReceiveMessage|ChangeMessageVisibility) in-progress|GET document) #1$/.test(label)

/** In the isSelected run. */
const isPostponed = (label: string) => label.includes('ChangeMessageVisibility')
const isSweeping = (label: string) =>
  / DeleteMessage in-progress #1$|HEAD source|SendMessage work|GET document #1$/.test(label)
const isDeadLettering = (label: string) =>
  /SendMessage dead|PUT document (?:dead|failed)|DeleteMessage in-progress/.test(label)
