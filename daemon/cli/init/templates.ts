/** The files that `mediad init` writes. */

export type Template = { readonly path: string; readonly text: string }

/**
 * @param name name of the package, valid for npm
 * @param spec version, path or URL of mediad
 */
export function createTemplates({ name, spec }: { name: string; spec: string }): readonly Template[] {
  return [
    { path: 'package.json', text: toJson(toPackage(name, spec)) },
    { path: 'media.config.ts', text: config },
    { path: 'plugins/checksum.ts', text: plugin },
    { path: 'tsconfig.json', text: toJson(tsconfig) },
    { path: '.gitignore', text: gitignore },
  ]
}

/** Lines are quoted, so that a search for the imports of this file does not find theirs. */
const toText = (lines: readonly string[]): string => `${lines.join('\n')}\n`

const toJson = (value: object): string => `${JSON.stringify(value, null, 2)}\n`

const toPackage = (name: string, spec: string) => ({
  name,
  private: true,
  type: 'module',
  scripts: { start: 'mediad start --local', check: 'mediad check', types: 'tsc' },
  dependencies: { mediad: spec },
  devDependencies: { '@types/node': '^24.0.0', typescript: '>=5.8.0' },
  engines: { node: '>=24' },
})

/** Node strips the types and does not compile: the last options reject what it cannot strip. */
const tsconfig = {
  compilerOptions: {
    target: 'es2024',
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
  },
  include: ['media.config.ts', 'plugins'],
}

const gitignore = `node_modules/
.mediad-data/
.mediad-shared/
.env
local.env
results/
*.tgz
`

const config = toText([
  "import { defineConfig, env } from 'mediad'",
  "import { thumbnail, transcode, upload } from 'mediad/plugins'",
  "import { checksum } from './plugins/checksum.ts'",
  '',
  'export default defineConfig({',
  "  bucket: env('MEDIAD_BUCKET', 'media'),",
  '  queues: {',
  "    work: { url: env('MEDIAD_WORK_QUEUE_URL') },",
  "    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL') },",
  "    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },",
  '  },',
  '  plugins: [transcode(), thumbnail(), checksum(), upload()],',
  '})',
])

const plugin = toText([
  "import { createHash } from 'node:crypto'",
  "import { createReadStream } from 'node:fs'",
  "import { writeFile } from 'node:fs/promises'",
  "import { join } from 'node:path'",
  "import { pipeline } from 'node:stream/promises'",
  "import { definePlugin, z } from 'mediad'",
  '',
  '/** Adds a text file with the hash of the source. */',
  'export const checksum = definePlugin(',
  "  'checksum',",
  "  z.object({ algorithm: z.enum(['sha256', 'sha512']).default('sha256') }),",
  '  ({ algorithm }) => ({',
  "    keys: ['sum_{name}.txt'],",
  '    async run({ input, workspace, signal, add }) {',
  '      const hash = createHash(algorithm)',
  '      await pipeline(createReadStream(input), hash, { signal })',
  "      const path = join(workspace, 'sum.txt')",
  "      await writeFile(path, hash.digest('hex'))",
  "      await add(path, 'checksum', { key: 'sum_{name}.txt', contentType: 'text/plain' })",
  '    },',
  '  }),',
  ')',
])
