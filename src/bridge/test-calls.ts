import type { HubApi } from './contract.ts'
import type { HubPort } from './tab-end.ts'

/** The hub's functions, each called over the port with a deadline of 10 s. */
export function callsOf({ call }: HubPort): HubApi {
  return new Proxy({} as HubApi, {
    get:
      (_target, name: keyof HubApi) =>
      (...args: []) =>
        call(10_000, name, ...args),
  })
}
