import { quote } from './shell.ts'

/** Matches the names of ffmpeg's encoders that run on a GPU of NVIDIA (nvenc), of Intel (qsv), or on any with VA-API. */
const hardwareEncoder = /^\w+_(?:nvenc|qsv|vaapi)$/

/** Returns the hardware encoder that options of an output name; undefined when they name none. */
export function findHardwareEncoder(options: readonly string[]): string | undefined {
  return options.find(
    (option, at) => hardwareEncoder.test(option) && /^-(?:c|codec|vcodec)(?::|$)/.test(options[at - 1] ?? ''),
  )
}

/**
 * Matches the errors that hardware encoders, devices and the filter that uploads frames print; the first group is the text.
 * Tests see only those of a machine without a GPU. The others have the same form, because ffmpeg prints the name of the
 * component: `[h264_nvenc @ 0x1] [error] OpenEncodeSessionEx failed: out of memory (10): (no details)`.
 */
export const hardwareFailure =
  /^\[(?:\w+_(?:nvenc|qsv|vaapi)|AVHWDeviceContext|AVHWFramesContext|VAAPI|QSV|CUDA|Parsed_hwupload_\d+) @ 0x[\da-f]+\] (?:\[[^\]]*\] )*?\[(?:error|fatal)\] (.+?)\.?$/

/** Returns the text of the first error of a hardware encoder; undefined if there is none. */
export function findHardwareFailure(lines: readonly string[]): string | undefined {
  return lines.map((line) => hardwareFailure.exec(line)?.[1]).find((text) => text !== undefined)
}

/**
 * Variables of the daemon's environment that runs with a hardware encoder keep, because drivers read them: which driver VA-API
 * and Intel's library load and from where, which GPUs CUDA shows, and where libraries of a driver are that a container mounts.
 */
export const hardwareVariables = [
  'LIBVA_DRIVER_NAME',
  'LIBVA_DRIVERS_PATH',
  'ONEVPL_SEARCH_PATH',
  'CUDA_VISIBLE_DEVICES',
  'CUDA_DEVICE_ORDER',
  'LD_LIBRARY_PATH',
] as const

/** Those with a list of folders. */
const folderLists: ReadonlySet<string> = new Set(['LIBVA_DRIVERS_PATH', 'ONEVPL_SEARCH_PATH', 'LD_LIBRARY_PATH'])

/**
 * Returns the assignments of {@link hardwareVariables} that are set, as words of a shell. Of a list of folders, only absolute
 * paths are kept: an empty entry, such as a colon too many leaves, means the working directory, which is the workspace of a job.
 */
export function toHardwareEnvironment(env: NodeJS.ProcessEnv): string {
  return hardwareVariables
    .map((name) => ({ name, value: folderLists.has(name) ? toAbsolute(env[name] ?? '') : (env[name] ?? '') }))
    .map(({ name, value }) => (value === '' ? '' : `${name}=${quote(value)} `))
    .join('')
}

const toAbsolute = (folders: string): string =>
  folders
    .split(/[:;]/)
    .filter((folder) => folder.startsWith('/'))
    .join(':')
