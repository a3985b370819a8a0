import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { toUploadKey } from '../../daemon/http/uploads/key.ts'
import type { UploadRequest } from '../../daemon/http/uploads/request.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('upload keys')

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'

/** Returns the part of a key after the unique id. */
function toSuffix(request: UploadRequest): string {
  return toUploadKey('origin_', request).replace(new RegExp(`^origin_${uuid}`), '')
}

test('keeps letters and digits of any script in the slug', () => {
  const cases: Record<string, string> = {
    'holiday.mp4': '-holiday.mp4',
    'Holiday 2024 (final).MOV': '-Holiday-2024-final.mov',
    'Übung_große.mkv': '-Übung-große.mkv',
    '日本の夏.mp4': '-日本の夏.mp4',
    'हिन्दी.mp4': '-हिन्दी.mp4',
    'e\u0301te\u0301.mp4': '-été.mp4',
    '../../etc/passwd.mp4': '-etc-passwd.mp4',
    'C:\\fakepath\\clip.avi': '-C-fakepath-clip.avi',
    'a\u0000b\nc\u001B[2J.mp4': '-a-b-c-2J.mp4',
    '--- a ---.mp4': '-a.mp4',
    '😀.mp4': '.mp4',
    '....mp4': '.mp4',
    'no extension': '-no-extension.mp4',
    '.bashrc': '-bashrc.mp4',
    'a.tar.gz': '-a-tar.gz',
    'a.b c': '-a-b-c.mp4',
    'a.toolongextension': '-a-toolongextension.mp4',
    'a/.mp4': '-a-mp4.mp4',
    'a.мп4': '-a-мп4.mp4',
    '': '.mp4',
    '\uD800.mp4': '.mp4',
    '%2e%2e%2f.mp4': '-2e-2e-2f.mp4',
  }
  for (const [filename, expected] of Object.entries(cases)) assert.is(toSuffix({ filename }), expected, filename)
})

test('takes the extension from the filename, else from the content type, else uses mp4', () => {
  assert.is(toSuffix({ filename: 'a.MKV', contentType: 'video/mp4' }), '-a.mkv')
  assert.is(toSuffix({ filename: 'a', contentType: 'video/quicktime' }), '-a.mov')
  assert.is(toSuffix({ contentType: 'AUDIO/MPEG; x=1' }), '.mp3')
  assert.is(toSuffix({ contentType: 'video/x-unknown' }), '.mp4')
  assert.is(toSuffix({ contentType: 'application/octet-stream' }), '.mp4')
  assert.is(toSuffix({ contentType: 'constructor' }), '.mp4')
})

test('creates one short segment of letters, digits and dashes from any filename', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ unit: 'grapheme', maxLength: 300 })),
      (filename) => {
        const key = toUploadKey('origin_', { filename })
        assert.match(key, new RegExp(`^origin_${uuid}(?:-[\\p{L}\\p{N}\\p{M}-]{1,48})?\\.[a-z0-9]{1,8}$`, 'u'))
        assert.ok(Buffer.byteLength(key) <= 230)
        assert.ok(key.isWellFormed())
        assert.not.match(key, /-\.[a-z0-9]+$/)
      },
    ),
  )
})

test('truncates long names, by characters and by bytes', () => {
  assert.is(toSuffix({ filename: `${'a'.repeat(100)}.mp4` }), `-${'a'.repeat(48)}.mp4`)
  assert.is(toSuffix({ filename: `${'夏'.repeat(100)}.mp4` }), `-${'夏'.repeat(48)}.mp4`)
  assert.is(toSuffix({ filename: `${'𠀀'.repeat(100)}.mp4` }), `-${'𠀀'.repeat(36)}.mp4`)
  assert.is(toSuffix({ filename: `${'a'.repeat(47)} ${'b'.repeat(9)}.mp4` }), `-${'a'.repeat(47)}.mp4`)
})
