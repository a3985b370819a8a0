/**
 * Runs the commands and the code of the documentation unchanged. Every page gets a folder that looks like the repository.
 * The blocks of the page are written to it and run there in order, in one shell, against a daemon of this test; only port 3000
 * is replaced.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import { basename, delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { loadConfig } from '../../daemon/config/load.ts'
import { MediadError, toMessage } from '../../daemon/vocabulary/errors.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { readDocs, toCodes, type Block, type Page } from '../helpers/markdown.ts'
import { makeVideo } from '../helpers/media.ts'
import { startMediad, type Mediad } from '../helpers/process.ts'
import { runShell } from '../helpers/shell.ts'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const execute = promisify(execFile)
const docs = readDocs(root)
const pages = docs.pages.filter(({ blocks }) => blocks.length > 0)

/** Commands that are not run, with the reason. */
const notRun: Record<string, string> = {
  'npm run setup && npm run demo\n': 'setup runs before every test; the demo is tested with the other examples',
  'npm run setup && npm test\n': 'this test is part of it',
  'npm run setup\nnpm run bench -- --write\n': 'it takes an hour; another test runs it with tiny sizes',
  'export UPLOAD_TOKEN=$(openssl rand -hex 32)\ncurl -s -X POST -H "authorization: Bearer $UPLOAD_TOKEN" http://localhost:3000/video/pre-signed-url\n':
    'it needs a daemon with this token',
  'npm start\n': 'the daemon of this test runs it, on a free port',
  'npm run setup\nnpm start\n': 'as above',
  '. .mediad-data/env\nnpm run -s mediad -- get "$id" --out results\n':
    'the README runs it; the daemon of this test has another folder',
  '. ./local.env\nnpm run mediad -- start --port 3001\n': 'it runs until stopped; tests with fleets cover it',
  "aws s3 ls s3://media/\naws s3 cp s3://media/ results --recursive --exclude '.mediad/*'\n":
    'mediad does not need the AWS command line',
  'npm run mediad -- check\nnpm run mediad -- start\n': 'it needs AWS',
  'aws s3 cp video.mp4 s3://media/origin_video.mp4\n': 'another test runs it where the program is installed',
  'export RCLONE_CONFIG_MEDIAD_TYPE=s3 RCLONE_CONFIG_MEDIAD_PROVIDER=Other RCLONE_CONFIG_MEDIAD_ENV_AUTH=true\nexport RCLONE_CONFIG_MEDIAD_ENDPOINT="$AWS_ENDPOINT_URL_S3"\nrclone copyto video.mp4 mediad:media/origin_video.mp4\n':
    'as above',
  'mkdir ../my-media\nnpm pack --pack-destination ../my-media\ncd ../my-media\nnpm init -y && npm pkg set type=module && npm install ./mediad-0.1.0.tgz\nnpx mediad init\nnpx mediad start --local\n':
    'another test packs, installs and uses the package; mediad init has its own test',
  'npm install --save-dev node@24\nPATH=$PWD/node_modules/.bin:$PATH npm install\n':
    'it needs an old Node; another test installs the package',
  'npm run setup\nnpm pack\n': 'another test packs, installs and uses the package',
  'npm run mediad -- env --terraform terraform/examples/fleet\nnpm run mediad -- check\n':
    'it needs AWS; mediad env has its own test',
  'cd terraform/examples/fleet\ncat > terraform.tfvars <<\'END\'\nregion      = "eu-central-1"\nbucket_name = "my-media"\npackage     = "https://downloads.example.com/mediad-0.1.0.tgz"\nvpc_id      = "vpc-0123456789abcdef0"\nsubnet_ids  = ["subnet-0123456789abcdef0", "subnet-0fedcba9876543210"]\nEND\nterraform init\nterraform apply\n':
    'it needs AWS; another test validates the example and its variables',
  'aws s3 cp video.mp4 s3://my-media/origin_video.mp4\nnpm run mediad -- env --terraform service\nnpm run mediad -- jobs origin_video.mp4\naws s3 cp s3://my-media/cvted_video.mp4 .\n':
    'it needs AWS; mediad env and mediad jobs have their own tests',
  'aws s3 cp video.mp4 s3://my-media/origin_video.mp4\nnpm run mediad -- env --terraform terraform/examples/fleet\nnpm run mediad -- jobs origin_video.mp4\naws s3 cp s3://my-media/cvted_video.mp4 .\n':
    'as above',
  'npm run mediad -- env --terraform terraform/examples/basic\nnpm run mediad -- check\nnpm run mediad -- jobs origin_video.mp4\naws s3 cp s3://my-media/cvted_video.mp4 .\n':
    'as above',
  'npm pack --pack-destination ../my-media-app\ncd ../my-media-app\nnpm install --save-exact ./mediad-0.1.0.tgz\ntar --exclude=./node_modules -czf ../app-1.0.0.tgz .\naws s3 cp ../app-1.0.0.tgz s3://my-releases/app-1.0.0.tgz\n':
    'it needs AWS; a test of the boot script installs such a tarball',
  'npm shrinkwrap\nnpm publish --registry https://npm.example.com/team/\n':
    'it needs a registry; a test of the boot script installs such a package',
  'cd terraform/examples/basic\nterraform init\nterraform apply -var bucket_name=my-media -var package=https://downloads.example.com/mediad-0.1.0.tgz -var vpc_id=vpc-0123456789abcdef0 -var \'subnet_ids=["subnet-0123456789abcdef0"]\'\naws s3 cp video.mp4 s3://my-media/origin_video.mp4\n':
    'it needs AWS; another test validates the example',
  'docker build --file examples/docker/application.Dockerfile --tag registry.example.com/my-media:1.0.0 ../my-media\ndocker push registry.example.com/my-media:1.0.0\n':
    'it needs Docker; the Dockerfile is linted',
  'docker build --file examples/docker/Dockerfile --tag registry.example.com/mediad:0.1.0 .\ndocker push registry.example.com/mediad:0.1.0\n':
    'it needs Docker; the Dockerfile is linted',
  'cd terraform/examples/fleet\nterraform destroy\n': 'it needs AWS',
  'npm run setup\nnpm pack --pack-destination examples/compose/application\ncd examples/compose/application\necho \'{ "private": true, "type": "module" }\' > package.json\nnpm install --save-exact --package-lock-only ./mediad-0.1.0.tgz @aws-sdk/client-sqs@3.1169.0\ncd ../../..\n':
    'another test runs these commands in a copy of the folder',
  'docker build --file examples/docker/application.Dockerfile --tag mediad-application examples/compose/application\n':
    'it needs Docker; the Dockerfile is linted',
  'cp examples/compose/.env.example examples/compose/.env\n': 'a test compares this file with compose.yaml',
  'cd examples/compose\ndocker compose up --build --detach\ndocker compose exec mediad node node_modules/mediad/dist/daemon/main.js check\ncd ../..\n':
    'it needs Docker; a test checks the files against each other',
  'ffmpeg -v error -y -f lavfi -i testsrc2=duration=3 -pix_fmt yuv420p video.mp4\n': 'the README runs it',
  'response=$(curl -s -d \'{"filename": "video.mp4"}\' http://localhost:3000/video/pre-signed-url)\nurl=$(node -p \'JSON.parse(process.argv[1]).preSignedUrl\' "$response")\njob=http://localhost:3000/video/$(node -p \'JSON.parse(process.argv[1]).id\' "$response")\ncurl --connect-to minio:9000:127.0.0.1:9000 -T video.mp4 "$url"\nwhile state=$(curl -sS "$job"); do echo "$state" | grep -E \'"state":"(succeeded|dead)"\' && break; sleep 1; done\n':
    'it needs the containers; Getting started runs the same upload',
  'MEDIAD_METRICS=port npm run mediad -- start --local\n': 'it runs until stopped; another test scrapes a daemon',
  'curl http://127.0.0.1:9464/metrics\n': 'as above',
  'npm install --save-exact @opentelemetry/api@1.10.0 @opentelemetry/sdk-trace@3.1.0 @opentelemetry/resources@3.1.0 @opentelemetry/context-async-hooks@3.1.0 @opentelemetry/exporter-trace-otlp-http@0.301.0\n':
    'the repository has these packages; another test runs the file that imports them',
  'curl -o talk.mp4 "$(npm run -s mediad -- url cvted_talk.mp4 | node -p \'JSON.parse(fs.readFileSync(0)).url\')"\n':
    'it needs an output; mediad url has its own test',
  'npm run -s mediad -- tune video.mp4\n': 'it takes minutes; mediad tune has its own test',
  'npm run soak -- --jobs 1000 --daemons 3 --minutes 5\n':
    'it takes minutes; test/faults/soak.test.ts is its short form',
}

const test = suite('docs run', { exhaustive: true })

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let daemon: Mediad
/** The output of each block by page; the pages run concurrently. */
const printed = new Map<string, Promise<Map<Block, string>>>()
const hasCurl = (process.env.PATH ?? '').split(delimiter).some((path) => existsSync(join(path, 'curl')))

test.before(async () => {
  folder = await temporaryFolder()
  const video = join(folder.path, 'video.mp4')
  await makeVideo(video)
  await symlink(join(root, 'node_modules'), join(folder.path, 'node_modules'))
  for (const page of pages) await prepare(page, video)
  daemon = await startMediad(['start', '--local', '--port', '0'], { cwd: folderOf('README.md') })
  await daemon.started()
  for (const page of pages.filter((one) => hasCurl && isRun(one))) {
    const running = runPage(page)
    running.catch(() => undefined) // the test of the page handles the error
    printed.set(page.file, running)
  }
})
test.after(async () => {
  await Promise.allSettled(printed.values())
  assert.is(await daemon.stop(), 0)
  await daemon[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

test('runs every command, or lists it with a reason', () => {
  const commands = pages.flatMap(({ blocks }) => blocks.filter(({ language }) => language === 'sh'))
  const unexplained = commands.filter(({ marks, text }) => (marks.run === undefined) === (notRun[text] === undefined))
  assert.equal(unexplained, [])
  const stale = Object.keys(notRun).filter((text) => !commands.some((command) => command.text === text))
  assert.equal(stale, [])
})

test('type-checks all code', async () => {
  const code = pages.flatMap(({ blocks }) => blocks.filter(({ language }) => language === 'ts'))
  assert.ok(code.length > 8)
  assert.equal(
    code.filter(({ marks }) => marks.file === undefined),
    [],
  )
  const valid = code.filter(({ marks }) => marks.fails === undefined)
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { noUnusedLocals: false },
    include: [],
    files: valid.map((block) => pathOf(block)),
  }
  const project = join(folder.path, 'tsconfig.json')
  await writeFile(project, JSON.stringify(config))
  const { stdout } = await execute(join(root, 'node_modules/.bin/tsc'), ['-p', project]).catch((error) => error)
  assert.is(stdout, '')
})

test('loads every config; the invalid one fails with the error on the page', async () => {
  const configs = pages.flatMap(({ blocks }) => blocks.filter(({ text }) => text.includes('export default define')))
  assert.ok(configs.length > 5)
  for (const block of configs) {
    const shown = docs.page(block.page).blocks.find(({ line }) => line > block.line)?.text
    const error = await load(pathOf(block))
    assert.is(error, block.marks.fails === undefined ? '' : shown, `${block.page}, line ${block.line}`)
  }
})

for (const page of pages.filter(isRun)) {
  const { file } = page
  if (!hasCurl) test.skip(file, 'curl not found')
  else
    test(file, async () => {
      const { blocks } = docs.page(file)
      const outputs = await printed.get(file)
      assert.ok(outputs)
      for (const [block, output] of outputs) assert.not.match(output, /"state":"dead"/, `line ${block.line}`)
      for (const [index, shown] of blocks.entries()) {
        const before = outputs.get(blocks[index - 1] as Block) ?? ''
        if (shown.marks.shape !== undefined) assert.equal(toShape(JSON.parse(before)), toShape(JSON.parse(shown.text)))
        if (shown.marks.checks !== undefined) assert.equal(toCheckNames(before), toShownNames(shown.text))
      }
    })
}

test('the README lists all commands and options', async () => {
  const table = docs.table('README.md', 'command')
  const usages = table.rows.map(([usage = '']) => toCodes(usage)[0] ?? '')
  const main = ['--conditions=source', join(root, 'daemon/main.ts')]
  await Promise.all(
    usages.map(async (usage) => {
      const command = usage.split(' ')[1] ?? ''
      const { stdout } = await execute(process.execPath, [...main, command, '--help'])
      assert.equal(toOptions(usage, /--[a-z0-9-]+/g), toOptions(stdout, /(?<=^  (?:-\w, )?)--[a-z0-9-]+/gm), usage)
    }),
  )
  const { stdout } = await execute(process.execPath, [...main, '--help'])
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name)
  assert.equal(
    commands.filter((name) => name !== 'help'),
    usages.map((usage) => usage.split(' ')[1]),
  )
})

/** Creates a folder that looks like the repository and contains the files of the page. */
async function prepare(page: Page, video: string): Promise<void> {
  const target = folderOf(page.file)
  await mkdir(join(target, 'test'), { recursive: true })
  for (const name of ['daemon', 'plugins', 'examples', 'test/helpers', 'tsconfig.json'])
    await symlink(join(root, name), join(target, name))
  for (const name of ['package.json', 'media.config.ts']) await copyFile(join(root, name), join(target, name))
  await copyFile(video, join(target, 'video.mp4'))
  for (const block of page.blocks) {
    if (block.marks.file === undefined) continue
    await mkdir(dirname(pathOf(block)), { recursive: true })
    await writeFile(pathOf(block), block.text)
  }
}

const folderOf = (page: string): string => join(folder.path, basename(page, '.md'))
const pathOf = ({ page, marks }: Block): string => join(folderOf(page), marks.file ?? '')

/** Loads a config; returns the error as the command line prints it, or an empty string. */
async function load(file: string): Promise<string> {
  const before = process.env
  const queues = ['WORK', 'IN_PROGRESS', 'DEAD'].map((name) => [`MEDIAD_${name}_QUEUE_URL`, `http://localhost/${name}`])
  const tokens = ['UPLOAD_TOKEN'].map((name) => [
    name,
    'a token of the tests, which is long enough'.replaceAll(/\W+/g, '-'),
  ])
  process.env = { ...before, ...Object.fromEntries([...queues, ...tokens]) }
  try {
    await loadConfig({ file })
    return ''
  } catch (error) {
    const code = error instanceof MediadError ? error.code : 'internal'
    return `mediad: ${code}\n${toMessage(error).replace(dirname(file), '/srv/app')}\n`
  } finally {
    process.env = before
  }
}

function isRun({ blocks }: Page): boolean {
  return blocks.some(({ marks }) => marks.run !== undefined)
}

async function runPage({ file, blocks }: Page): Promise<Map<Block, string>> {
  const run = blocks.filter(({ marks }) => marks.run !== undefined)
  const outputs = await runShell(run.map(toScript), folderOf(file))
  return new Map(run.map((block, index) => [block, outputs[index] ?? '']))
}

function toScript({ language, text, marks }: Block): string {
  const { host } = new URL(daemon.url)
  if (language === 'ts')
    return `sed -i 's/localhost:3000/${host}/' ${marks.file}\nnpx node --conditions=source ${marks.file}`
  const script = text.replaceAll('localhost:3000', host)
  if (marks.background === undefined) return script
  return `{\n${script}} &\nuntil ${marks.until}; do sleep 0.1; done`
}

/** Replaces each value by its type. */
function toShape(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toShape)
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toShape(inner)]))
}

/** Returns the names of the checks in the JSON output of `mediad check`. */
function toCheckNames(output: string): string[] {
  const lines = output.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line) => (JSON.parse(line) as { check: string }).check)
}

/** Returns the names of the checks in the text output of `mediad check`. */
function toShownNames(text: string): string[] {
  return [...text.matchAll(/^✔ (.{16}) /gm)].map(([, name = '']) => name.trim())
}

function toOptions(text: string, pattern: RegExp): string[] {
  return (text.match(pattern) ?? []).filter((option) => option !== '--help').toSorted()
}
