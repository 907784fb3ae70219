import type { IncomingHttpHeaders } from 'node:http'

/**
 * Whether a page of this origin may open a socket. Compared as a whole: an origin that a browser would write otherwise is not one. A program that is
 * no browser sends none; one that sends cookies all the same is none of those.
 */
export function isOriginAllowed(headers: IncomingHttpHeaders, allowed: readonly string[] | '*' | undefined): boolean {
  const { origin, host } = headers
  if (allowed === '*') return true
  if (origin === undefined) return headers.cookie === undefined
  if (!URL.canParse(origin)) return false
  const url = new URL(origin)
  if (url.origin !== origin || !/^https?:$/.test(url.protocol)) return false
  if (allowed !== undefined) return allowed.includes(origin)
  const own = `${url.protocol}//${host ?? ''}`
  return host !== undefined && URL.canParse(own) && new URL(own).host === url.host
}
