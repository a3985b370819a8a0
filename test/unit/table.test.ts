import * as assert from 'uvu/assert'
import { shortenMiddle, toAge, toGrid, toLines, toPlain, toTable } from '../../daemon/terminal/table.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('table')

test('escapes characters that control a terminal', () => {
  assert.is(toPlain('a\u001b[2Jb\n\u009b\u202e\u2028'), 'a\\u001b[2Jb\\u000a\\u009b\\u202e\\u2028')
  assert.is(toPlain('Füße 漢 🎬 – "x"'), 'Füße 漢 🎬 – "x"')
  assert.not.match(toGrid([{ name: 'k' }], [['a\u001b[31mb']]), '\u001b')
  assert.not.match(toLines({ k: 'a\u001b[31mb' }), '\u001b')
})

test('renders a grid with its head and its rows', () => {
  const lines = toGrid([{ name: 'job' }, { name: 'state' }], [['a', 'dead']]).split('\n')
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

const columns = [{ name: 'job' }, { name: 'owner', drop: 1 }, { name: 'key' }, { name: 'error', drop: 2 }]
const rows = [['25acb7c3', 'host-1/7', 'origin_a-漢字.mp4', 'internal.ffmpeg']]

test('leaves out columns by their priority until the table fits, and names them', () => {
  const shown = (width: number) => toGrid(columns, rows, width).match(/job|owner|key|error/g)
  assert.equal(shown(120), ['job', 'owner', 'key', 'error'])
  assert.equal(shown(55), ['job', 'key', 'error', 'owner'])
  assert.match(toGrid(columns, rows, 55), /\nNot shown in this width: owner$/)
  assert.equal(shown(36), ['job', 'key', 'owner', 'error'])
})

test('shows a less important column where a more important one does not fit', () => {
  const wide = [['25acb7c3', 'host', 'origin_a', 'x'.repeat(60)]]
  assert.match(toGrid(columns, wide, 50), /owner[^]*Not shown in this width: error$/)
})

test('breaks the widest cells where the last columns do not fit; no character is lost', () => {
  const key = `origin_${'0123456789'.repeat(12)}.mp4`
  for (const width of [40, 60, 80]) {
    const grid = toGrid(columns, [['25acb7c3', 'host-1/7', key, 'internal.ffmpeg']], width)
    const lines = grid.split('\n')
    assert.ok(
      lines.every(({ length }) => length <= width),
      grid,
    )
    const cells = lines.filter((line) => line.startsWith('│')).map((line) => line.split('│')[2]?.trim())
    assert.is(cells.slice(1).join(''), key)
  }
})

const key = 'origin_28f3ebb2-6fc0-4b2d-a466-fb20cd571d4b-a note.mp4'
const keyed = [{ name: 'job' }, { name: 'key', shorten: true }, { name: 'state' }, { name: 'age', drop: 2 }]
const withKey = (text: string) => [['edb93773', text, 'processing (stale)', '12 min']]

test('shortens a long key in its middle before it leaves out a column, and only as far as necessary', () => {
  for (const width of [65, 70, 80]) {
    const [border = '', , , row = '', ...more] = toGrid(keyed, withKey(key), width).split('\n')
    assert.is(border.length, width)
    assert.match(row, /│ origin_\S+…[^│]+\.mp4 │ processing \(stale\) │ 12 min │$/)
    assert.is(more.length, 1, 'one line per row, and no column is missing')
  }
  assert.match(toGrid(keyed, withKey(key), 120), key)
  assert.match(
    toGrid(keyed, withKey(key), 60),
    /│ origin_28f3e…[^│]+\.mp4 │ processing[^]*Not shown in this width: age$/,
  )
})

test('shortens text by its width in a terminal', () => {
  assert.is(shortenMiddle('origin_0f3c-note.mp4', 20), 'origin_0f3c-note.mp4')
  assert.is(shortenMiddle('origin_0f3c5a6b-note.mp4', 20), 'origin_0f3…-note.mp4')
  assert.is(shortenMiddle('漢字漢字漢字', 9), '漢字…漢字')
  assert.is(shortenMiddle('漢字漢字漢字', 7), '漢字…字')
})

test('breaks cells between words if all words fit', () => {
  const text = 'the hardware encoder failed: no capable devices found'
  const lines = toGrid([{ name: 'message' }], [[text]], 30).split('\n')
  const cells = lines.filter((line) => line.startsWith('│')).map((line) => line.split('│')[1]?.trim() ?? '')
  assert.is(cells.slice(1).join(' '), text)
})

test('shows the format of an image, and which tracks of an output were copied', () => {
  const output = { kind: 'video', contentType: 'video/mp4', sizeBytes: 5, etag: 'e', seconds: 1 }
  const codecOf = (change: object) =>
    toTable([{ ...output, key: 'k', ...change }])
      .split('\n')[3]
      ?.split('│')[6]
      ?.trim()
  const video = { codec: 'h264', audioCodec: 'aac', width: 2, height: 2, durationSeconds: 1, format: 'mov,mp4' }
  assert.is(codecOf({ media: { format: 'jpeg', width: 2, height: 2 } }), 'jpeg')
  assert.is(codecOf({ media: video }), 'h264 + aac')
  assert.is(codecOf({ media: video, copied: ['video'] }), 'h264 (copied) + aac')
  assert.is(codecOf({ media: video, copied: ['video', 'audio'] }), 'h264 (copied) + aac (copied)')
  assert.is(
    codecOf({ media: { codec: 'aac', durationSeconds: 1, format: 'mov,mp4' }, copied: ['audio'] }),
    'aac (copied)',
  )
  assert.is(codecOf({}), '–')
})
