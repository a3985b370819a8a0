/** Returns ffmpeg options for BT.2020 with an HDR transfer: `smpte2084` (PQ) or `arib-std-b67` (HLG). */
export const hdr = (transfer: string): string[] => [
  '-color_primaries',
  'bt2020',
  '-color_trc',
  transfer,
  '-colorspace',
  'bt2020nc',
]

/** Returns ffmpeg options for 10-bit HEVC with HDR colours in the bitstream. `more` has further x265 parameters. */
export const x265 = (transfer: string, more = ''): string[][] => [
  ['-c:v', 'libx265', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p10le', '-tag:v', 'hvc1'],
  ['-x265-params', `log-level=none:colorprim=bt2020:transfer=${transfer}:colormatrix=bt2020nc${more}`],
]

/** x265 parameters for mastering display and content light level metadata. */
export const mastered =
  ':hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400'
