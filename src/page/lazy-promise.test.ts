import { expect, it } from 'vitest'
import { createLazyPromise } from './lazy-promise.ts'

it('[TB13] is one promise with the first outcome, whether it is read before or after', async () => {
  const early = createLazyPromise<number>()
  const promise = early.read()
  const late = createLazyPromise<number>()
  for (const lazy of [early, late]) {
    lazy.resolve(1)
    lazy.reject(new Error('too late'))
  }
  expect(early.read()).toBe(promise)
  expect([await promise, await late.read()]).toEqual([1, 1])
})
