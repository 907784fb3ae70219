/** A place in a {@link Chain}, of one chain at a time. */
export class Link<T> {
  readonly value: T
  /** @internal */
  previous: Link<T> | undefined
  /** @internal */
  next: Link<T> | undefined
  /** @internal */
  chain: Chain<T> | undefined

  constructor(value: T) {
    this.value = value
  }
}

/**
 * Things in an order, each put in and taken out in O(1). A `Map` keeps an order, too, but walks over what was deleted
 * at its front each time somebody asks for the first.
 */
export class Chain<T> {
  #first: Link<T> | undefined
  #last: Link<T> | undefined

  /** The one that was put in longest ago. */
  get first(): T | undefined {
    return this.#first?.value
  }

  /** Puts it at the end, wherever it was before. */
  append(link: Link<T>): void {
    link.chain?.remove(link)
    link.chain = this
    link.previous = this.#last
    link.next = undefined
    if (this.#last === undefined) this.#first = link
    else this.#last.next = link
    this.#last = link
  }

  /** Takes it out; one that is not in this chain is ignored. */
  remove(link: Link<T>): void {
    if (link.chain !== this) return
    if (link.previous === undefined) this.#first = link.next
    else link.previous.next = link.next
    if (link.next === undefined) this.#last = link.previous
    else link.next.previous = link.previous
    link.chain = undefined
    link.previous = undefined
    link.next = undefined
  }

  /** Takes out the one that was put in longest ago. */
  takeFirst(): T | undefined {
    const link = this.#first
    if (link !== undefined) this.remove(link)
    return link?.value
  }

  /** All, from the first on. Whoever is at one may take it out. */
  *[Symbol.iterator](): Iterator<T> {
    let link = this.#first
    while (link !== undefined) {
      const { next } = link
      yield link.value
      link = next
    }
  }
}
