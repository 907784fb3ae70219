/**
 * Whose share of the server's memory something takes. `app`: the app itself, whose code is trusted. `user`: one
 * signed-in user, over all connections. `anonymous`: one address where the app says how to know it, else one client.
 */
export interface Holder {
  readonly pool: 'app' | 'user' | 'anonymous'
  readonly name: string
}

/** The app itself. */
export const APP: Holder = { pool: 'app', name: '' }

/**
 * Who holds what a connection takes.
 * @param address where the app names it
 * @param client what tells anonymous connections apart where no address is known
 */
export function holderOf(user: string | null, address: string | undefined, client: string): Holder {
  if (user !== null) return { pool: 'user', name: user }
  return { pool: 'anonymous', name: address === undefined ? `client ${client}` : `address ${address}` }
}
