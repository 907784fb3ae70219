const TrueDate = Date
let offMs = 0

/** The device's clock as the page sees it; workers see another. */
class PageDate extends TrueDate {
  constructor(...given: unknown[]) {
    super(...((given.length === 0 ? [PageDate.now()] : given) as [number]))
  }

  static override now(): number {
    return TrueDate.now() + offMs
  }
}
globalThis.Date = PageDate as unknown as DateConstructor

/** What the clocks of everybody else show. */
export function trueNowMs(): number {
  return TrueDate.now()
}

/** From now on the page's clock is off by so much. */
export function setPageClock(ms: number): void {
  offMs = ms
}
