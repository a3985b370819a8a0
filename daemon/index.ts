/** The public API. Importing it loads no SDK and does nothing. */
export { defineConfig, env } from './config/define.ts'
export type { JobLimits } from './config/limits.ts'
export type { Config, UserConfig } from './config/schema.ts'
export { errorCodes, MediadError } from './errors.ts'
export type { ErrorCode, MediadErrorOptions, Verdict } from './errors.ts'
export type { DaemonEvent } from './events.ts'
export type { JobDocument, JobError, JobState, MediaSummary, Output, PluginTiming, Source, Warning } from './job/job.ts'
export type { Damage } from './pipeline/ffmpeg/damage.ts'
export type { Mastering } from './pipeline/probe/mastering.ts'
export type { AudioStream, Probe, SkippedTrack, SubtitleStream, VideoStream } from './pipeline/media.ts'
export { isHdr, isStill, toDisplaySize } from './pipeline/media.ts'
export { definePlugin } from './pipeline/plugin.ts'
export type {
  AddOptions,
  Artifact,
  FfmpegCommand,
  FfmpegResult,
  FfmpegTrial,
  Log,
  Plugin,
  PluginHooks,
  RunContext,
  SetupContext,
  UploadOptions,
} from './pipeline/plugin.ts'
export { z } from 'zod'
