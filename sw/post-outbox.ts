import type { FlushPorts } from './flush-outbox.ts'

/** Posts an outbox over the network. */
export const postOutbox: FlushPorts['post'] = async (url, token, text, signal) => {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  // A token follows no redirect.
  const response = await fetch(url, { method: 'POST', headers, body: text, signal, redirect: 'error', cache: 'no-store' })
  const isJson = /^application\/json\b/i.test(response.headers.get('content-type') ?? '')
  return { status: response.status, text: isJson ? await response.text() : null }
}
