import { decodeClientMessage } from '../../protocol/client-codec.ts'
import { DEFAULT_HEARTBEAT, DEFAULT_LIMITS } from '../../protocol/limits.ts'
import type { Answer, ClientMessage, Hello, Id, Outcome, Recall, RecalledFate, ServerMessage } from '../../protocol/messages.ts'
import { id } from './frames.ts'

/** A message that took effect, once for every time that it did. */
export interface Effect {
  readonly id: Id
  readonly ledger: Id
  readonly client: Id
  readonly n: number
  /** It said that it may repeat one. */
  readonly marked: boolean
}

interface Client {
  /** Which of the records it is, in the order they were made. */
  readonly made: number
  readonly ids: Id[]
  readonly outcomes: Map<number, Outcome>
  stable: number
}

/** One socket at the server. */
export interface ModelConnection {
  hear(text: string): void
}

/** What a server answers on one socket. */
export interface ModelPeer {
  send(message: ServerMessage): void
  close(code: number): void
}

interface Link extends ModelPeer {
  client: Id
  session: Id
  isOver: boolean
  isRefusing: boolean
  /** Up to here the outcomes were told. */
  told: number
}

/**
 * The upward half of a server in its simplest form: P4, P6, P7, P9–P17, P19, at once and in memory. Its window is
 * small.
 */
export class ModelServer {
  ledger: Id = id('ledger0')
  readonly effects: Effect[] = []
  /** Ids of all that took effect, lost since or not. */
  readonly everTook: Set<Id> = new Set()
  /** Acks are stable only when {@link ModelServer.stabilise} says so. */
  isLagging = false
  /** This many frames of messages are refused as if one before them had been lost. */
  losing = 0
  hasLost = false
  readonly #clients = new Map<Id, Client>()
  readonly #sessions = new Map<Id, number>()
  readonly #everStable = new Set<string>()
  readonly #links = new Set<Link>()
  #made = 0
  #records = 0
  #forgotten = 0

  connect(peer: ModelPeer): ModelConnection {
    let link: Link | null = null
    return {
      hear: (text) => {
        const decoded = decodeClientMessage(text)
        if (!decoded.ok) throw new Error(`the client made a bad message: ${decoded.error}`)
        if (decoded.message.type === 'hello') link = this.#greet(peer, decoded.message)
        else if (link && !link.isOver) this.#hear(link, decoded.message)
      },
    }
  }

  /** Whether this number was once confirmed for good under this id. */
  wasStable(client: Id, n: number, mid: Id): boolean {
    return this.#everStable.has(`${client} ${n} ${mid}`)
  }

  /** Everything committed is stable now, and told. */
  stabilise(): void {
    for (const client of this.#clients.values()) client.stable = client.ids.length
    for (const link of this.#links) this.#ack(link)
  }

  /** A crash takes what is not stable, effects with their numbers. */
  loseUnstable(): void {
    for (const [name, client] of this.#clients) {
      for (let n = client.ids.length; n > client.stable; n--) {
        client.ids.pop()
        client.outcomes.delete(n)
        const at = this.effects.findLastIndex((effect) => effect.client === name && effect.n === n && effect.ledger === this.ledger)
        if (at >= 0) this.effects.splice(at, 1)
      }
      if (client.ids.length === 0) this.#clients.delete(name)
    }
    this.cut()
  }

  /** A server without memory takes its place. */
  loseAll(): void {
    this.ledger = id(`ledger${++this.#made}`)
    this.#records = 0
    this.#forgotten = 0
    this.#clients.clear()
    this.#sessions.clear()
    this.cut()
  }

  /** The records of clients that are away have lived out their time. */
  forgetClients(): void {
    this.#forgotten = this.#records
    this.#clients.clear()
  }

  /** Acknowledges what it never got, which may not even have been sent. */
  lie(beyond: number): void {
    for (const link of this.#links) {
      const hi = (this.#clients.get(link.client)?.ids.length ?? 0) + beyond
      link.send({ type: 'ack', hi, stable: hi, id: id('lie'), outcomes: [] })
    }
  }

  /** Closes every socket. */
  cut(): void {
    for (const link of this.#links) this.#end(link, 1006)
  }

  #greet(peer: ModelPeer, hello: Hello): Link {
    const { client, confirmed, session: resumed, user } = hello
    const record = this.#clients.get(client)
    const hi = record?.ids.length ?? 0
    const answer: Answer = {
      protocol: 1,
      user,
      ledger: this.ledger,
      client: record ? { hi, id: record.ids[hi - 1] ?? '' } : null,
      reach: { made: this.#records, forgotten: this.#forgotten },
      limits: { ...DEFAULT_LIMITS, sendWindow: 4 },
      heartbeat: DEFAULT_HEARTBEAT,
    }
    const link: Link = { ...peer, client, session: '', isOver: false, isRefusing: false, told: confirmed }
    if (hello.outboxToken !== undefined) link.send({ type: 'send_only', ...answer })
    else {
      link.session = resumed && this.#sessions.has(resumed.id) ? resumed.id : id(`session${++this.#made}`)
      const connection = (this.#sessions.get(link.session) ?? 0) + 1
      this.#sessions.set(link.session, connection)
      for (const other of this.#links) if (other.session === link.session) this.#end(other, 4409)
      if (link.session === resumed?.id) link.send({ type: 'session_restored', session: { id: link.session }, ...answer, connection })
      else link.send({ type: 'session_init', session: { id: link.session, token: 't'.repeat(43) }, ...answer, connection })
    }
    this.#links.add(link)
    if (hi > confirmed) this.#ack(link)
    return link
  }

  #hear(link: Link, message: Exclude<ClientMessage, Hello>): void {
    switch (message.type) {
      case 'ping':
        return link.send({ type: 'pong' })
      case 'recall':
        return link.send(this.#recall(message))
      case 'send':
      case 'skip': {
        if (this.losing > 0) {
          this.losing--
          this.hasLost = true
          return
        }
        const entries = message.type === 'send' ? message.messages : message.numbers
        for (const entry of entries) if (!link.isRefusing) this.#take(link, entry)
        if (!link.isRefusing) this.#ack(link)
      }
    }
  }

  #take(link: Link, entry: { n: number; id: Id; data?: unknown; mayRepeat?: true }): void {
    const { n } = entry
    const known = this.#clients.get(link.client)
    const hi = known?.ids.length ?? 0
    if (!known && n !== 1) {
      link.isRefusing = true
      return link.send({ type: 'unknown_client' })
    }
    if (n > hi + 1) return link.send({ type: 'expected', n: hi + 1 })
    if (n <= hi) {
      if (known?.ids[n - 1] === entry.id) return
      link.isRefusing = true
      return link.send({ type: 'conflict', n })
    }
    const record: Client = known ?? { made: ++this.#records, ids: [], outcomes: new Map(), stable: 0 }
    this.#clients.set(link.client, record)
    record.ids.push(entry.id)
    const isSkipped = !('data' in entry)
    if (isSkipped) record.outcomes.set(n, { n, skipped: true })
    else if (entry.data === 'reject') record.outcomes.set(n, { n, rejected: 'rejected', message: 'no' })
    else {
      if (entry.data === 'reply') record.outcomes.set(n, { n, reply: n })
      this.everTook.add(entry.id)
      this.effects.push({ id: entry.id, ledger: this.ledger, client: link.client, n, marked: entry.mayRepeat === true })
    }
    if (!this.isLagging) record.stable = record.ids.length
  }

  #ack(link: Link): void {
    const record = this.#clients.get(link.client)
    if (!record || link.isOver) return
    const { ids, stable, outcomes } = record
    for (let n = 1; n <= stable; n++) this.#everStable.add(`${link.client} ${n} ${ids[n - 1]}`)
    const news = [...outcomes.values()].filter(({ n }) => n > link.told).toSorted((a, b) => a.n - b.n)
    link.told = Math.max(link.told, ids.length)
    link.send({ type: 'ack', hi: ids.length, stable, id: ids[stable - 1] ?? '', outcomes: news })
  }

  #recall({ client, ids }: Recall): ServerMessage {
    const record = this.#clients.get(client)
    const known = record?.ids ?? []
    const fates = ids.flatMap((asked): RecalledFate[] => {
      const n = known.indexOf(asked) + 1
      const outcome = record?.outcomes.get(n)
      if (n === 0) return []
      if (!outcome) return [{ id: asked, fate: 'applied' }]
      if ('skipped' in outcome) return [{ id: asked, fate: 'skipped' }]
      if ('rejected' in outcome) return [{ id: asked, fate: 'rejected', rejected: outcome.rejected, message: outcome.message }]
      const { n: _, ...told } = outcome
      return [{ id: asked, fate: 'applied', ...told }]
    })
    return { type: 'recalled', client, fates }
  }

  #end(link: Link, code: number): void {
    link.isOver = true
    this.#links.delete(link)
    link.close(code)
  }
}
