/** A line through points, by least squares. */
export interface Slope {
  /** Rise per unit of x. */
  readonly perUnit: number
  /** The true rise is above this in 97.5 of 100 cases; minus infinity when there are too few points to say. */
  readonly lowerBound: number
}

/** 97.5 % quantiles of Student's t for 1 to 10 degrees of freedom; for more, what ten to twenty have is close enough. */
const T = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23]
const T_BEYOND = 2.16

/** Fits a line through `ys` over `xs`. */
export function slopeOf(xs: readonly number[], ys: readonly number[]): Slope {
  const count = xs.length
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / count
  const [meanX, meanY] = [mean(xs), mean(ys)]
  const spread = xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0)
  const perUnit = xs.reduce((sum, x, at) => sum + (x - meanX) * ((ys[at] ?? 0) - meanY), 0) / spread
  if (count < 3) return { perUnit, lowerBound: -Infinity }
  const rest = xs.reduce((sum, x, at) => sum + ((ys[at] ?? 0) - meanY - perUnit * (x - meanX)) ** 2, 0)
  const error = Math.sqrt(rest / (count - 2) / spread)
  return { perUnit, lowerBound: perUnit - (T[count - 3] ?? T_BEYOND) * error }
}
