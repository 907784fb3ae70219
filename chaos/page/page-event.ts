/** The data of a message, as pages send it. */
export interface ChaosMessage {
  /** `<page>:<number>`, numbered from 1 for each page. */
  readonly key: string
  /** The handler is to reject it. */
  readonly reject: boolean
  /** The handler is to send something to the user as well. */
  readonly personal: boolean
}

/** A channel's value: how many messages the server's database holds. */
export interface ChaosValue {
  readonly rows: number
}

/** What a page was told or did, in the order it happened. */
export type PageEvent = { readonly atMs: number } & (
  | { readonly type: 'sent'; readonly seq: number; readonly id: string; readonly volatile?: boolean }
  | { readonly type: 'queued' | 'applied'; readonly seq: number }
  /** It will never be queued. */
  | { readonly type: 'failed'; readonly seq: number; readonly code: string }
  /** It was queued and will not be applied, or nobody can tell. */
  | { readonly type: 'ended'; readonly seq: number; readonly code: string }
  | { readonly type: 'messages'; readonly channel: string; readonly names: readonly string[] }
  | { readonly type: 'snapshot'; readonly channel: string; readonly rows: number; readonly stale: boolean }
  | { readonly type: 'reset'; readonly channel: string; readonly reason: string }
  | { readonly type: 'recovered'; readonly channel: string; readonly count: number }
  | { readonly type: 'refused'; readonly channel: string; readonly code: string }
  | {
      readonly type: 'restart'
      readonly reason: string
      readonly mayRepeat: readonly string[]
      readonly mayBeLost: readonly string[]
      /** How many messages there was no room to name. */
      readonly older: number
    }
  | { readonly type: 'error'; readonly code: string; readonly message: string }
  | { readonly type: 'durable'; readonly durable: boolean }
  | { readonly type: 'storageLost'; readonly requeued: number; readonly mayRepeat: readonly string[]; readonly older: number }
  | { readonly type: 'status'; readonly status: string }
  /** The site's storage was cleared by the answer to a sign-out. */
  | { readonly type: 'cleared' }
  /** The service worker is another one. */
  | { readonly type: 'reload' }
  | { readonly type: 'signedOut' }
)

/** How a page is doing. */
export interface PageFacts {
  readonly status: string
  readonly pending: number | null
  /** Messages of this page whose end it does not know. */
  readonly open: number
}

/** What a page posts again and again. */
export interface PageReport {
  readonly tab: string
  readonly user: string
  /** Random per page load. */
  readonly page: string
  /** How many events came before these. */
  readonly from: number
  readonly events: readonly PageEvent[]
  readonly facts: PageFacts
}

/** To send so many messages. */
export interface SendOrder {
  readonly channel: string
  readonly count: number
  /** With `durable: false`. */
  readonly volatile?: boolean
}

/** What a page is asked to do: to send, to have its clock off by so much, or to sign its user out. */
export type PageOrder = SendOrder | { readonly clockMs: number } | 'sign out' | 'sign out and clear the site'
