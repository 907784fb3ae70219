/** A promise that is made when it is first read, so that a failure nobody asked about is no unhandled rejection. */
export interface LazyPromise<T> {
  read(): Promise<T>
  /** Only the first outcome counts. */
  resolve(value: T): void
  reject(error: Error): void
}

/** Makes a promise without an outcome. */
export function createLazyPromise<T>(): LazyPromise<T> {
  let promise: Promise<T> | undefined
  let outcome: { readonly value: T } | { readonly error: Error } | undefined
  let wake = (): void => {}
  const settle = (first: typeof outcome): void => {
    outcome ??= first
    wake()
  }
  return {
    read: () =>
      (promise ??= new Promise((resolve, reject) => {
        wake = () => {
          if (outcome === undefined) return
          if ('error' in outcome) reject(outcome.error)
          else resolve(outcome.value)
        }
        wake()
      })),
    resolve: (value) => settle({ value }),
    reject: (error) => settle({ error }),
  }
}
