import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { APP, holderOf, type Holder } from './holder.ts'
import { AllPlaces } from './places.ts'
import { shareLimits, Shares, type Share } from './shares.ts'

const user = (name: string): Holder => holderOf(name, undefined, '')
const stranger = (name: string): Holder => holderOf(null, undefined, name)
const LIMITS = shareLimits(10_000, 1, { anonymousPercent: 25, sharePercent: 6 })

/** What has to be given up, one after the other, until so much more fits. */
function pay(shares: Shares<string>, holder: Holder, more: number): string[] {
  const paid: string[] = []
  for (let payer = shares.payer(holder, more); payer !== undefined; payer = shares.payer(holder, more)) {
    paid.push(payer.value)
    shares.remove(payer)
  }
  return paid
}

const fill = (shares: Shares<string>, holder: Holder, count: number, size = 1): Share<string>[] =>
  Array.from({ length: count }, (_, at) => shares.add(`${holder.name} ${at}`, holder, size))

describe('shares of a budget', () => {
  it('[BU1] are 6 % of it for each holder and 25 % for all anonymous ones, and never less than a few things', () => {
    expect(LIMITS).toEqual({ total: 10_000, anonymous: 2_500, holder: 600 })
    expect(shareLimits(10, 1, { anonymousPercent: 25, sharePercent: 6 })).toEqual({ total: 10, anonymous: 10, holder: 10 })
    expect(shareLimits(100, 1, { anonymousPercent: 100, sharePercent: 6 })).toEqual({ total: 100, anonymous: 100, holder: 16 })
  })

  it('[BU1] a holder at his share gives up his own, the oldest first, and nobody else pays', () => {
    const shares = new Shares<string>(LIMITS)
    fill(shares, user('bob'), 500)
    fill(shares, user('ada'), 600)
    expect(shares.canFit(user('ada'), 2)).toBe(true)
    expect(pay(shares, user('ada'), 2)).toEqual(['ada 0', 'ada 1'])
    expect(shares.canFit(user('ada'), 601)).toBe(false)
  })

  it('[BU1] anonymous ones have a pool of their own, in which whoever has most pays', () => {
    const shares = new Shares<string>(LIMITS)
    for (let at = 0; at < 24; at++) fill(shares, stranger(`s${at}`), 100)
    fill(shares, stranger('few'), 1)
    fill(shares, stranger('many'), 99)
    expect(shares.over(stranger('few'), 1)).toBe('anonymous')
    const paid = pay(shares, stranger('few'), 50)
    expect(paid).toHaveLength(50)
    expect(paid).not.toContain('client few 0')
    expect([shares.canFit(user('ada'), 600), shares.over(user('ada'), 600)]).toEqual([true, undefined])
  })

  it('[BU2] anonymous ones pay before users, users before the app, and nobody for who pays first', () => {
    const shares = new Shares<string>({ total: 100, anonymous: 100, holder: 100 })
    fill(shares, APP, 40)
    fill(shares, user('ada'), 40)
    fill(shares, stranger('x'), 20)
    expect(pay(shares, APP, 1)).toEqual(['client x 0'])
    shares.add('app', APP, 1)
    expect([...new Set(pay(shares, user('bob'), 21).map((one) => one.split(' ')[0]))]).toEqual(['client', 'ada'])
    expect(shares.canFit(stranger('y'), 22)).toBe(false)
    expect(shares.canFit(user('bob'), 60)).toBe(false)
    expect(shares.canFit(APP, 100)).toBe(true)
  })

  it('[BU2] what is in use is not given up; where nothing else is left, whoever has most has to end it', () => {
    const shares = new Shares<string>({ total: 100, anonymous: 100, holder: 100 })
    for (const share of [...fill(shares, user('ada'), 60), ...fill(shares, user('bob'), 30)]) shares.use(share)
    const late = shares.add('late', user('eve'), 10)
    expect(pay(shares, user('eve'), 1)).toEqual(['late'])
    expect(shares.canFit(user('eve'), 11)).toBe(false)
    shares.use(shares.add('over', user('eve'), 11))
    expect(late.isIdle).toBe(false)
    expect([shares.debtor(user('eve'))?.value, shares.debtor(user('eve'))?.value]).toEqual(['ada 0', 'ada 1'])
  })

  it('[BU1] counts what it is told, whatever is moved, resized and removed', () => {
    const shares = new Shares<string>(LIMITS)
    const [one, two] = [shares.add('one', stranger('x'), 10), shares.add('two', user('ada'), 20)]
    shares.use(two)
    shares.move(one, user('ada'))
    shares.resize(one, 15)
    shares.resize(two, 5)
    expect([shares.size, [...shares.idle].map(({ value }) => value), [...shares.used].map(({ value }) => value)]).toEqual([
      20,
      ['one'],
      ['two'],
    ])
    expect([shares.canFit(user('ada'), 595), shares.canFit(user('ada'), 596)]).toEqual([true, false])
    shares.remove(two)
    shares.remove(one)
    expect([shares.size, shares.canFit(user('ada'), 600)]).toEqual([0, true])
  })

  it('[BU2] finds who pays at once among thousands of holders', () => {
    const shares = new Shares<string>(shareLimits(20_000, 1, { anonymousPercent: 100, sharePercent: 6 }))
    for (let at = 0; at < 20_000; at++) shares.add(`${at}`, stranger(`${at}`), 1)
    let visits = 0
    for (let at = 0; at < 20_000; at++) {
      const payer = shares.payer(stranger('new'), 1)
      if (payer === undefined) continue
      visits++
      shares.remove(payer)
      shares.add('new', stranger(`new ${at}`), 1)
    }
    expect([visits, shares.size]).toEqual([20_000, 20_000])
  })
})

describe('the limits of a budget', () => {
  it('[BU1] the app has no share: the total alone bounds it', () => {
    const shares = new Shares<string>(LIMITS)
    fill(shares, APP, 700)
    expect([shares.over(APP, 1), shares.canFit(APP, 10_000), shares.canFit(APP, 10_001)]).toEqual([undefined, true, false])
  })

  it('[BU1] anonymous ones whose things are all in use get no more than their pool, though there is room', () => {
    const shares = new Shares<string>(LIMITS)
    for (let at = 0; at < 25; at++) for (const share of fill(shares, stranger(`s${at}`), 100)) shares.use(share)
    expect([shares.canFit(stranger('new'), 1), shares.canFit(user('ada'), 1)]).toEqual([false, true])
  })

  it('[BU2] nobody is asked to pay, nor to end something, for who pays before him', () => {
    const shares = new Shares<string>({ total: 100, anonymous: 100, holder: 100 })
    fill(shares, APP, 50)
    const adas = fill(shares, user('ada'), 50)
    const payers = (holder: Holder): number => [...shares.payers(holder, 'total')].length
    expect([payers(stranger('x')), payers(user('bob')), payers(APP)]).toEqual([0, 50, 100])
    expect([shares.payer(stranger('x'), 1), shares.payer(user('bob'), 1)?.value]).toEqual([undefined, 'ada 0'])
    for (const share of adas) shares.remove(share)
    expect([shares.payer(user('bob'), 51), shares.payer(APP, 51)?.value]).toEqual([undefined, ' 0'])
    for (const share of fill(shares, user('ada'), 51)) shares.use(share)
    expect(shares.debtor(stranger('x'))).toBeUndefined()
  })

  it('[BU4] who is over his share has to make room himself, whoever else has something in use', () => {
    const shares = new Shares<string>(LIMITS)
    for (const share of [...fill(shares, stranger('x'), 10), ...fill(shares, user('ada'), 601)]) shares.use(share)
    expect(shares.debtor(user('ada'))?.value).toBe('ada 0')
  })

  it('[BU1] what is in use is so under another holder, too', () => {
    const shares = new Shares<string>(LIMITS)
    const share = shares.add('one', stranger('x'), 1)
    shares.use(share)
    shares.move(share, user('ada'))
    expect([share.isIdle, [...shares.idle], [...shares.used].length]).toEqual([false, [], 1])
  })

  it.each(['a share', 'places'])('[BU1] [I24] nothing is left of a holder who has given back %s', async (what) => {
    const shares = new Shares<string>(LIMITS)
    const places = new AllPlaces(100, { anonymousPercent: 25, sharePercent: 6 })
    fill(shares, stranger('other'), 1)
    const leave = (): WeakRef<Holder> => {
      const holder = stranger('x')
      if (what === 'places') places.of(holder).end()
      else for (const share of fill(shares, holder, 2)) shares.remove(share)
      return new WeakRef(holder)
    }
    const held = leave()
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    await expect.poll(() => [collect(), held.deref() === undefined]).toEqual([undefined, true])
    expect([shares.size, places.taken]).toEqual([1, 0])
  })
})
