import type { Store } from '../../core/ports.ts'
import { HoldfastError } from '../../protocol/errors.ts'

/** A worker that may die at any await. */
export interface Life {
  isAlive: boolean
}

/** What happens around a scheduled store. */
export interface StoreSurroundings {
  readonly life: Life
  /** Waits until something happens that may happen at any time. */
  readonly schedule: (label: string) => Promise<void>
  /** Whether the next call of this name fails, and with what. */
  readonly failure: (name: string) => HoldfastError['code'] | null
}

/** Waits for ever when the worker has died. */
export async function whileAlive(life: Life): Promise<void> {
  if (!life.isAlive) await new Promise<never>(() => {})
}

/**
 * A store whose every call commits at a time of its own and is answered at another, both in the order of the calls. A
 * worker that dies in between has committed and never learns of it.
 */
export function scheduledStore(inner: Store, { life, schedule, failure }: StoreSurroundings): Store {
  let commits: Promise<unknown> = Promise.resolve()
  let answers: Promise<unknown> = Promise.resolve()

  const call = <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const commit = commits.then(async () => {
      // The lease is taken where the owner lock is had: a hub whose `open` comes late, after the lock was taken from
      // it, is not looked at here.
      if (name !== 'open') await schedule(`${name} commits`)
      await whileAlive(life)
      const code = failure(name)
      if (code) throw new HoldfastError(code, `${name} failed`)
      return work()
    })
    commits = commit.catch(() => null)
    const before = answers
    const answer = commit
      .catch(() => null)
      .then(() => before)
      .then(async () => {
        await schedule(`${name} answers`)
        await whileAlive(life)
        return commit
      })
    answers = answer.catch(() => null)
    return answer
  }

  return {
    durable: true,
    open: () => call('open', () => inner.open()),
    saveIdentity: (identity) => call('saveIdentity', () => inner.saveIdentity(identity)),
    append: (messages, sent) => call('append', () => inner.append(messages, sent)),
    raiseSentThrough: (n) => call('raiseSentThrough', () => inner.raiseSentThrough(n)),
    bury: (numbers, why) => call('bury', () => inner.bury(numbers, why)),
    settle: (through, id, fates) => call('settle', () => inner.settle(through, id, fates)),
    recalled: (client, asked, fates, hold) => call('recalled', () => inner.recalled(client, asked, fates, hold)),
    restart: (newClient, why) => call('restart', () => inner.restart(newClient, why)),
    unpark: (id) => call('unpark', () => inner.unpark(id)),
    fatesOf: (ids) => call('fatesOf', () => inner.fatesOf(ids)),
    timeMs: () => inner.timeMs(),
    taken: () => inner.taken(),
    reaches: (since) => inner.reaches(since),
    note: (...given) => call('note', () => inner.note(...given)),
    heard: (ids) => call('heard', () => inner.heard(ids)),
    saveCache: (changes) => call('saveCache', () => inner.saveCache(changes)),
    dropCache: (channels) => call('dropCache', () => inner.dropCache(channels)),
    signOut: (newClient, park) => call('signOut', () => inner.signOut(newClient, park)),
    onLost: (listener) => inner.onLost(listener),
    onFenced: (listener) => inner.onFenced(listener),
    close: () => inner.close(),
  }
}
