import { suite } from '../helpers/suite.ts'
import { burial, explore, EXPLORATION_SECONDS, findLabels, funeral, takeover, vigil } from './explore.ts'
import { runWithKill, toStops } from './kills.ts'
import { toTierStops, windows } from './windows.ts'
import { besides } from '../helpers/besides.ts'

const row = besides(suite('aftermath', { timeoutSeconds: EXPLORATION_SECONDS }))

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
    const labels = await findLabels(vigil)
    await explore(toStops(labels.filter(isFirstLook), isPutOff), (stop) => runWithKill(vigil, stop))
  },
)

row(
  'killed at any call of a failure, a second attempt and a burial: dead all the same',
  async () => {
    const stops = await toTierStops(windows.burial, async () => toStops(await findLabels(burial), isBurying))
    await explore(stops, (stop) => runWithKill(burial, stop))
  },
  { exhaustive },
)

row(
  'killed at any call of a burial by a sweeper: dead all the same',
  async () => {
    const stops = await toTierStops(windows.funeral, async () => toStops(await findLabels(funeral), isBurying))
    await explore(stops, (stop) => runWithKill(funeral, stop))
  },
  { exhaustive },
)

/** It looks again and again, and every time it does the same. */
const isFirstLook = (label: string) =>
  /^taking: (?:(?:ReceiveMessage|ChangeMessageVisibility) in-progress|GET document) #1$/.test(label)

/** In the everyday run. */
const isPutOff = (label: string) => label.includes('ChangeMessageVisibility')
const isSweeping = (label: string) =>
  / DeleteMessage in-progress #1$|HEAD source|SendMessage work|GET document #1$/.test(label)
const isBurying = (label: string) =>
  /SendMessage dead|PUT document (?:dead|failed)|DeleteMessage in-progress/.test(label)
