import type { DaemonEvent } from '../vocabulary/events.ts'
import type { Authorize } from '../vocabulary/identity.ts'
import type { Plugin } from '../vocabulary/plugin.ts'
import type { Routes } from '../protocol/route.ts'
import type { JobLimits } from './limits.ts'

/** The validated config, with all defaults, frozen. */
export type Config = {
  /** Name of the bucket for sources, outputs and job documents. */
  readonly bucket: string
  readonly source: {
    /** Objects whose keys start with this are sources. */
    readonly prefix: string
  }
  readonly state: {
    /** Job documents are stored under this prefix. It must not overlap with the source prefix. */
    readonly prefix: string
  }
  readonly queues: {
    /** The work queue. S3 sends its notifications to it. */
    readonly work: Omit<PolledQueue, 'concurrency'> & {
      /** Number of jobs at once. */
      readonly concurrency: number | AdaptiveConcurrency
    }
    /** The in-progress queue: one message for each unfinished job. It must have no redrive policy. */
    readonly inProgress: PolledQueue
    /** The dead-letter queue, for operators. */
    readonly dead: { readonly url: string }
  }
  readonly job: {
    /** Number of attempts at one version of a source before its job is dead-lettered. */
    readonly attempts: number
    /** A daemon that has written no heartbeat for this long has lost its job. */
    readonly leaseSeconds: number
    /** Pause before the first check of an in-progress message, and between checks. */
    readonly recheckSeconds: number
    /** Base of the exponential backoff after a failed attempt. */
    readonly backoffSeconds: number
  }
  readonly workspace: {
    /** Folder for the workspaces of attempts. Each needs space for the source and the outputs. */
    readonly directory: string
  }
  readonly ffmpeg: {
    /** Path of ffmpeg, or a name to find in PATH. */
    readonly path: string
    /** Path of ffprobe, or a name to find in PATH. */
    readonly probePath: string
    /** A run of ffmpeg without progress for this long is killed, and the job is tried again. */
    readonly stallSeconds: number
    /**
     * Program and options that start ffmpeg and ffprobe, such as bubblewrap or firejail. `{workspace}` is replaced with
     * the folder of the attempt, `{input}` with the file that is read.
     */
    readonly command: readonly string[]
  }
  /** The most that one job can cost. Nothing in a job can raise it. */
  readonly limits: JobLimits
  readonly http: {
    /** Address on which the endpoint listens; `0.0.0.0` or `::` makes it reachable from other machines. */
    readonly host: string
    /** Port of the endpoint; 0 selects a free port. */
    readonly port: number
    /** Decides who can use the endpoint: `bearer()`, `jwt()`, a function of your own, or `none` if a server in front decides. */
    readonly authorize?: Authorize | 'none'
    /** Limits the requests of a client: an identity, or an address if it has none. */
    readonly rateLimit: RateLimit
    /** Addresses and networks of proxies, whose `x-forwarded-for` has the address of the client. */
    readonly trustProxy: readonly string[]
    /** Serves a page at `/` that uploads files, shows their jobs and plays the results. */
    readonly page: boolean
    /** Validity of the URL of an upload or an output. */
    readonly urlSeconds: number
    /** Web origins whose pages can use the endpoint from a browser. */
    readonly cors: readonly string[]
    /** Adds presigned URLs of the outputs to a job for clients that request them. */
    readonly outputUrls: boolean
    /** Serves the outputs of jobs from a private bucket. */
    readonly files: boolean
    /** Number of event streams that this daemon has open at once. */
    readonly streams: number
    /** Number of event streams that one client has open at once. */
    readonly streamsPerClient: number
    /** Largest size of an upload by one PUT or one form. */
    readonly maxUploadBytes: number
    /** What clients can upload through the endpoint. */
    readonly uploads: ClientUploadOptions
  }
  readonly metrics: {
    /** Where Prometheus can read metrics: nowhere, on the HTTP endpoint, or on a port of their own. */
    readonly expose: 'off' | 'endpoint' | 'port'
    /** Address of the port for metrics. */
    readonly host: string
    /** Number of the port for metrics; 0 selects a free port. */
    readonly port: number
  }
  readonly shutdown: {
    /** Time that running jobs have to finish after the first signal to stop. */
    readonly graceSeconds: number
    /**
     * URL of the instance metadata, which announces interruptions: `http://169.254.169.254` on EC2, left out elsewhere.
     */
    readonly metadataUrl?: string
  }
  /** The chain: at least one plugin, in order. */
  readonly plugins: readonly Plugin[]
  /** Derived from `source` and `plugins`; not an option. */
  readonly routes: Routes
  /** Receives every event. It must not block. A promise that it returns is not awaited. */
  readonly onEvent?: (event: DaemonEvent) => void
}

/** What a client can request in a minute, by an identity or an address. */
export type RateLimit = {
  /** Number of uploads that a client can create in a minute; 0 for any number. */
  readonly uploadsPerMinute: number
  /** Number of other requests of a client in a minute; 0 for any number. */
  readonly requestsPerMinute: number
}

/** What clients can upload through the endpoint. */
export type ClientUploadOptions = {
  /** Content types that a client can state: `video/mp4`, or a group such as `video/*`. When set, it must state one. */
  readonly contentTypes?: readonly string[]
  /** Extensions of the keys of uploads, without the dot. */
  readonly extensions?: readonly string[]
  /** Largest size of an upload. */
  readonly maxBytes?: number
  /** Validity of a multipart upload: parts can be signed, and the upload can be completed, until then. */
  readonly multipartSeconds: number
  /** Key of an upload after the source prefix. */
  readonly key: string
  /** Authenticates the ids of multipart uploads. All daemons must have the same. */
  readonly secret?: string
}

type PolledQueue = {
  /** URL of the queue. */
  readonly url: string
  /** When to poll the queue: a cron expression of 6 fields, seconds first. */
  readonly poll: string
  /** Number of concurrent batches of messages. */
  readonly concurrency: number
}

/** Lets the number of jobs at once follow the CPU use of the machine. */
export type AdaptiveConcurrency = {
  /** The most jobs at once; at least 1 always runs. */
  readonly max: number
  /** CPU use of the machine at which no further job is taken, as a share of the available CPUs: 0.7 is 70 %. */
  readonly targetCpu: number
}

/** The config that `media.config.ts` exports: {@link Config}, in which every option with a default is optional. */
export type UserConfig = Pick<Config, 'bucket' | 'plugins'> & {
  queues: { [Name in keyof Config['queues']]: UserQueue<Config['queues'][Name]> }
  onEvent?: Config['onEvent'] | undefined
} & { [Section in Exclude<OptionalSection, 'http'>]?: Optional<Config[Section]> | undefined } & {
  http?: UserHttp | undefined
}

type UserHttp = Optional<Omit<Config['http'], 'uploads' | 'rateLimit'>> & {
  uploads?: Optional<ClientUploadOptions> | undefined
  rateLimit?: Optional<RateLimit> | undefined
}
type OptionalSection = 'source' | 'state' | 'job' | 'workspace' | 'ffmpeg' | 'limits' | 'http' | 'metrics' | 'shutdown'
type Optional<T> = { [Key in keyof T]?: T[Key] | undefined }
type UserQueue<Queue extends { url: string }> = Pick<Queue, 'url'> & Optional<Omit<Queue, 'url'>>
