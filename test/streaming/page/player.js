const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/**
 * Plays a presentation in the page by a plan, and reports what happened. `step.height` switches to that level and waits for it,
 * `step.seek` seeks, and each step then plays for `step.seconds`.
 */
globalThis.play = async ({ url, player, plan, captions }) => {
  const video = document.querySelector('video')
  const report = { errors: [], stalls: 0, played: [], heights: [], cues: [], ended: false, duration: 0 }
  const until = async (condition, what) => {
    const end = performance.now() + 15_000
    while (performance.now() < end) {
      if (condition()) return
      await wait(20)
    }
    const state = `ready state ${video.readyState}${video.paused ? ', paused' : ''}${video.seeking ? ', seeking' : ''}`
    report.errors.push(`timeout in ${player}: ${what} at ${video.currentTime} of ${video.duration}, ${state}`)
  }
  // stalls count while the video plays: not at the start, and not around seeks and switches
  let isSteady = false
  video.addEventListener('waiting', () => {
    if (isSteady && !video.seeking) report.stalls++
  })
  video.addEventListener('error', () => report.errors.push(`media: ${video.error?.code} ${video.error?.message}`))
  const engine = players[player](video, url, report)
  await until(() => video.readyState >= 2, 'ready')
  if (captions) await engine.showCaptions()
  video.play().catch((error) => report.errors.push(`play: ${error}`))
  for (const { height, seek, seconds } of plan) {
    isSteady = false
    if (height !== undefined) {
      await until(() => engine.switchTo(height), `level ${height}`)
      await until(() => video.videoHeight === height, `height ${height}`)
    }
    if (seek !== undefined) {
      video.currentTime = seek
      await until(() => !video.seeking && video.readyState >= 3, `seek ${seek}`)
    }
    const from = video.currentTime
    await until(() => video.currentTime - from >= Math.min(0.3, seconds / 2), 'playing')
    isSteady = true
    await until(() => video.currentTime - from >= seconds || video.ended, `playing ${seconds} s`)
    report.played.push(video.currentTime - from)
    report.heights.push(video.videoHeight)
  }
  isSteady = false
  video.currentTime = video.duration - 0.5
  await until(() => video.ended, 'end')
  report.ended = video.ended
  report.duration = video.duration
  report.audioBytes = video.webkitAudioDecodedByteCount
  for (const track of video.textTracks)
    for (const cue of track.cues ?? []) report.cues.push([cue.startTime, cue.endTime, cue.text])
  return report
}

const players = {
  hls(video, url, report) {
    const hls = new globalThis.Hls({ capLevelToPlayerSize: false, maxBufferLength: 4, maxMaxBufferLength: 4 })
    hls.on('hlsError', (_, { type, details, fatal, error }) => {
      if (details === 'bufferStalledError') video.dispatchEvent(new Event('waiting'))
      // a request that a switch aborts is not an error
      else if (fatal || !/abort/i.test(String(error?.message)))
        report.errors.push(`${type}: ${details} ${error?.message}`)
    })
    hls.loadSource(url)
    hls.attachMedia(video)
    return {
      switchTo(height) {
        const level = hls.levels.findIndex((one) => one.height === height)
        if (level >= 0) hls.currentLevel = level // replaces what is buffered
        return level >= 0
      },
      async showCaptions() {
        hls.subtitleDisplay = true
        hls.subtitleTrack = 0
        for (const track of video.textTracks) track.mode = 'showing'
      },
    }
  },
  dash(video, url, report) {
    const dash = globalThis.dashjs.MediaPlayer().create()
    dash.initialize(video, url, false)
    const abr = { autoSwitchBitrate: { video: false }, limitBitrateByPortal: false }
    dash.updateSettings({
      debug: { logLevel: 0 },
      streaming: { abr, buffer: { fastSwitchEnabled: true, bufferTimeDefault: 4 } },
    })
    dash.on('error', ({ error }) => report.errors.push(`dash: ${JSON.stringify(error?.message ?? error)}`))
    return {
      switchTo(height) {
        const all = dash.getRepresentationsByType('video')
        const index = all.findIndex((one) => one.height === height)
        if (index >= 0) dash.setRepresentationForTypeByIndex('video', index, true)
        return index >= 0
      },
      async showCaptions() {
        dash.setTextTrack(0)
        for (const track of video.textTracks) track.mode = 'showing'
      },
    }
  },
  native(video, url) {
    video.src = url
    return { switchTo: () => true, showCaptions: async () => undefined }
  },
}
