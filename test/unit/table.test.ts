import * as assert from 'uvu/assert'
import { toAge, toGrid, toLines, toPlain } from '../../daemon/terminal/table.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('table')

test('escapes characters that control a terminal', () => {
  assert.is(toPlain('a\u001b[2Jb\n\u009b\u202e\u2028'), 'a\\u001b[2Jb\\u000a\\u009b\\u202e\\u2028')
  assert.is(toPlain('Füße 漢 🎬 – "x"'), 'Füße 漢 🎬 – "x"')
  assert.not.match(toGrid(['k'], [['a\u001b[31mb']]), '\u001b')
  assert.not.match(toLines({ k: 'a\u001b[31mb' }), '\u001b')
})

test('renders a grid with its head and its rows', () => {
  const lines = toGrid(['job', 'state'], [['a', 'dead']]).split('\n')
  assert.match(lines[1] ?? '', /│ job │ state │/)
  assert.match(lines[3] ?? '', /│ a   │ dead  │/)
})

test('aligns the values of lines', () => {
  assert.is(toLines({ id: '1', attempt: '2' }), 'id       1\nattempt  2')
})

test('formats an age in one unit', () => {
  const ages = [0, 59.9, 60, 3599, 3600, 86_399, 86_400, 9e5].map(toAge)
  assert.equal(ages, ['0 s', '59 s', '1 min', '59 min', '1 h', '23 h', '1 d', '10 d'])
})
