/** Removes the expressions that handle a change of frame size, which leaves the filters for frames of constant size. */
export function toConstantSizeFilters(filters: string): string {
  return filters
    .replaceAll(/w='if\(([^']*),(\d+),print[^']*':h='if\(\1,(\d+),[^']*':eval=frame/g, '$2:$3')
    .replaceAll(/pad=(?:\d+:\d+|'max\(iw,\d+\)':'max\(ih,\d+\)'):-1:-1:eval=frame,/g, '')
}
