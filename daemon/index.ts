/** The public API. Importing it loads no SDK and does nothing. */
export { defineConfig, env } from './config/define.ts'
export { bearer } from './access/bearer.ts'
export type { BearerOptions } from './access/bearer.ts'
export { jwt } from './access/jwt.ts'
export type { JwtOptions } from './access/jwt.ts'
export type { KeySource } from './access/keys.ts'
export type { Authorize, Identity } from './vocabulary/identity.ts'
export type { JobLimits } from './config/limits.ts'
export type { AdaptiveConcurrency, Config, UserConfig } from './config/config.ts'
export { errorCodes, MediadError } from './vocabulary/errors.ts'
export type { ErrorCode, MediadErrorOptions, Verdict } from './vocabulary/errors.ts'
export type {
  AttemptFields,
  CircuitReset,
  CircuitTripped,
  DaemonEvent,
  DaemonStarted,
  DaemonStopped,
  EventError,
  HeartbeatMissed,
  HeartbeatWritten,
  JobAbandoned,
  JobDeadLettered,
  JobFailed,
  JobFields,
  JobProgress,
  JobReleased,
  JobStarted,
  JobSucceeded,
  JobWarned,
  LeaseLost,
  LeaseTakenOver,
  MessageDeadLettered,
  PolledName,
  PollFailed,
  PollFinished,
  SweepDecided,
  SweepFailed,
} from './vocabulary/events.ts'
export type {
  JobDocument,
  JobError,
  JobState,
  MediaSummary,
  Output,
  PluginTiming,
  Source,
  Warning,
} from './vocabulary/job.ts'
export { toJobId } from './vocabulary/job.ts'
export type { Corruption } from './vocabulary/ffmpeg.ts'
export type { ColourProfile, Curve, Mastering } from './vocabulary/media.ts'
export type { AudioStream, Probe, SkippedTrack, SubtitleStream, VideoStream } from './vocabulary/media.ts'
export { isHdr, isStill, toDisplaySize } from './vocabulary/media.ts'
export { definePlugin } from './vocabulary/plugin.ts'
export type {
  AddOptions,
  Artifact,
  Plugin,
  PluginHooks,
  RunContext,
  SetupContext,
  UploadOptions,
} from './vocabulary/plugin.ts'
export type { FfmpegCommand, FfmpegResult, FfmpegTrial } from './vocabulary/ffmpeg.ts'
export type { Log } from './vocabulary/log.ts'
export { z } from 'zod'
