/** What the simulator can do and the product does not stand yet: named on the command line to be tried. */
export type Pending = 'clocks' | 'days' | 'engine' | 'given-up'

const tried = new Set((process.env['HOLDFAST_SIM_WITH'] ?? '').split(','))

/** Whether this is tried now. */
export function isTried(what: Pending): boolean {
  return tried.has(what) || tried.has('all')
}
