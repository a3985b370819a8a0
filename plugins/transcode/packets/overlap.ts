/**
 * Returns a bitstream filter that drops encoded audio packets which overlap the ones before them. When the audio format
 * changes mid-stream, ffmpeg reinitialises the filters, and these do not see that the part before the change lasted longer
 * than its timestamps say, as where an advertisement and a programme were joined.
 */
export function toOverlapFilter(): string {
  const overlaps = 'lt(PTS\\,PREV_OUTPTS+DURATION/2)'
  const times = ['pts=if(OVERLAPS\\,PREV_OUTPTS\\,PTS)', 'dts=if(OVERLAPS\\,PREV_OUTDTS\\,DTS)']
  const marked = [...times, 'duration=if(OVERLAPS\\,0\\,DURATION)'].map((text) => text.replace('OVERLAPS', overlaps))
  return `setts=${marked.join(':')},noise=drop=eq(duration\\,0)`
}
