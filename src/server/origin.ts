/** The headers that say where a request comes from. */
type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Why an origin is refused, and what to do when it should not be. */
export interface OriginRefusal {
  readonly sentence: string
  /** What would have passed. */
  readonly expected: string
  /** What to change, beside the option. */
  readonly advice?: string
}

const HOST_LINE = 'proxy_set_header Host $http_host;'
/** Anybody can have a page of these: to list one would be to list them all. */
const NO_ORIGIN = "It names no page: sandboxed frames and files have no origin of their own. Only allowedOrigins: '*' takes it."

/**
 * Whether a page of this origin may open a socket: nothing, or why not. Compared as a whole: an origin that a browser
 * would write otherwise is not one. A program that is no browser sends none; one that sends cookies all the same is
 * none of those.
 */
export function judgeOrigin(headers: Headers, allowed: readonly string[] | '*' | undefined): OriginRefusal | undefined {
  const origin = one(headers['origin'])
  if (allowed === '*') return undefined
  if (origin === undefined) {
    if (headers['cookie'] === undefined) return undefined
    return {
      sentence: 'A request with cookies and without an Origin is refused.',
      expected: 'an Origin header, or no cookie',
      advice: 'A proxy must pass the Origin header on; a program that is no browser must not send cookies.',
    }
  }
  if (allowed !== undefined) {
    if (allowed.includes(origin)) return undefined
    return { sentence: `The origin ${origin} is not one of the allowed ones.`, expected: allowed.join(' '), ...adviceOn(origin) }
  }
  const host = one(headers['host'])
  const page = webOrigin(origin)
  if (page === undefined) {
    const advice = adviceOn(origin)
    const how = advice === undefined ? ', and has to be allowed by name' : ''
    const sentence = `The origin ${origin} is not that of a web page on the host of the request${how}.`
    return { sentence, expected: host ?? 'a Host header', ...advice }
  }
  const own = `${page.protocol}//${host ?? ''}`
  if (host !== undefined && URL.canParse(own) && new URL(own).host === page.host) return undefined
  return hostRefusal(page, host, one(headers['x-forwarded-host']))
}

/** What to say of an origin that cannot be listed. */
function adviceOn(origin: string): Pick<OriginRefusal, 'advice'> | undefined {
  return readOrigin(origin) === origin ? undefined : { advice: NO_ORIGIN }
}

/** Reads an entry of `allowedOrigins`; `undefined` when no browser or app shell would ever send it. */
export function readOrigin(text: string): string | undefined {
  const page = webOrigin(text.replace(/\/$/, ''))
  if (page !== undefined) return page.origin.includes('*') ? undefined : page.origin
  // What extensions and app shells are served from has no origin for `URL`: its text is compared as it is.
  return /^(?!https?:|wss?:|ftp:|file:|data:|blob:|javascript:)[a-z][a-z\d+.-]*:\/\/[^\s/?#@*]+$/.test(text) ? text : undefined
}

/** The origin of a web page, as a browser writes it. */
function webOrigin(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  return /^https?:$/.test(url.protocol) && url.origin === text ? url : undefined
}

/** The page's host is not the one the request names: a stranger's page, or a proxy that names itself instead. */
function hostRefusal(page: URL, host: string | undefined, forwarded: string | undefined): OriginRefusal {
  const name = host ?? '(none)'
  const refusal = { sentence: `The origin ${page.origin} is not the host of the request, ${name}.`, expected: page.host }
  if (forwarded === page.host)
    return {
      ...refusal,
      advice: `A proxy moved the host to X-Forwarded-Host, which anybody can write and which is not believed. nginx: ${HOST_LINE}`,
    }
  if (page.port !== '' && name === page.hostname)
    return { ...refusal, advice: `A proxy has dropped the port, as $host of nginx does. nginx: ${HOST_LINE}` }
  return { ...refusal, advice: `A proxy in front must pass the Host header as it came. nginx: ${HOST_LINE}` }
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}
