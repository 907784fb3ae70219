/**
 * The value below which this share of the samples lies.
 *
 * @param {readonly number[]} samples
 * @param {number} share 0 to 1.
 */
export function percentile(samples, share) {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** @param {readonly number[]} samples */
export function median(samples) {
  return (
    (percentile(samples, 0.5) +
      percentile(
        [...samples].map((value) => -value),
        0.5,
      ) *
        -1) /
    2
  )
}
