import * as assert from 'uvu/assert'
import { definePlugin, z, type PluginHooks } from '../../daemon/index.ts'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import { onlyIn, problemsOf } from '../helpers/config-problems.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('what plugins declare')

const url = (name: string) => ({ url: `http://q/1/${name}` })
const minimal = { bucket: 'media', queues: { work: url('work'), inProgress: url('in-progress'), dead: url('dead') } }

const toPlugin = (name: string, hooks: Partial<PluginHooks>) =>
  definePlugin(name, z.object({}), () => ({ run() {}, ...hooks }))()

const only = onlyIn(minimal)

test('rejects a chain that makes files which no plugin uploads', () => {
  only(
    { plugins: [transcode()] },
    /^plugins\[0\] \(transcode\): makes "cvted_\{name\}\.mp4", which no plugin uploads: put upload\(\) after it/,
  )
  only({ plugins: [transcode(), upload(), thumbnail()] }, /^plugins\[2\] \(thumbnail\): makes "thumb_/)
  assert.is(problemsOf({ ...minimal, plugins: [transcode(), thumbnail()] }).length, 2)
  const own = toPlugin('own', { publishes: true })
  const elsewhere = toPlugin('elsewhere', { publishes: 'elsewhere' })
  const chains = [
    [transcode(), upload(), thumbnail(), upload()],
    [transcode(), own],
    [transcode(), elsewhere],
    [toPlugin('none', {})],
    [upload()],
  ]
  for (const plugins of chains) assert.equal(problemsOf({ ...minimal, plugins }), [])
})

test('rejects numbers that a plugin cannot declare', () => {
  only(
    { plugins: [toPlugin('slow', { maxSeconds: 0 })] },
    /^plugins\[0\] \(slow\): declares maxSeconds: .*above 0.*not 0/,
  )
  only({ plugins: [toPlugin('slow', { maxSeconds: 1e9 })] }, /maxSeconds/)
  only({ plugins: [toPlugin('heavy', { weight: Number.NaN })] }, /declares weight/)
  assert.equal(problemsOf({ ...minimal, plugins: [toPlugin('fine', { maxSeconds: 0.5, weight: 20 })] }), [])
})

test('does not report files as not uploaded while a plugin after them is not valid', () => {
  only({ plugins: [transcode(), upload({ overwrite: 'never' as 'own' })] }, /^plugins\[1\] \(upload\)\.overwrite/)
  only({ plugins: [transcode(), upload] }, /^plugins\[1\]: must be a plugin, not the function/)
})
