import { describe, expect, it } from 'vitest'
import type { Engine } from './engine.ts'
import { FailingEngine, type EngineFailure } from './testing/failing-engine.ts'
import { fakeServer, freshId, type FakePeer, type FakeServer } from './testing/fake-peer.ts'
import type { Hello, Send } from '../protocol/index.ts'

const SWEEP_MS = 1_000

/** What the server makes of each method's failure: who asked is closed, or nobody is, since nobody waits for it. */
const METHODS: { readonly [Method in Exclude<keyof Engine, 'start'>]: 'closes' | 'serves' } = {
  ledger: 'closes',
  reach: 'closes',
  secret: 'closes',
  revocations: 'closes',
  open: 'closes',
  release: 'serves',
  probe: 'serves',
  publish: 'closes',
  loadClient: 'closes',
  commit: 'closes',
  confirm: 'closes',
  end: 'closes',
  revokedAt: 'closes',
  admit: 'closes',
  forget: 'closes',
  touch: 'serves',
  sweep: 'serves',
  counts: 'serves',
  close: 'serves',
}

const WAYS: readonly EngineFailure[] = [
  'throws',
  'throws a text',
  'throws afterwards',
  'rejects',
  'rejects afterwards',
  'nonsense',
  'never answers',
]
/** What these answer is not looked at: there is no wrong answer. */
const WITHOUT_ANSWER: readonly string[] = ['release', 'confirm', 'end', 'forget', 'touch', 'sweep', 'close']

/** What these answer is used at once: a promise is no answer. */
const AT_ONCE: readonly string[] = ['ledger', 'reach', 'secret', 'revocations', 'probe', 'counts']

/** Nobody waits for these to end. */
const WITHOUT_END: readonly string[] = ['release', 'confirm', 'touch', 'sweep']

const isMeant = (method: string, how: EngineFailure): boolean =>
  how === 'nonsense' ? !WITHOUT_ANSWER.includes(method) : how !== 'never answers' || !WITHOUT_END.includes(method)

const TABLE = Object.keys(METHODS).flatMap((method) =>
  WAYS.filter((how) => isMeant(method, how)).map((how) => [method as keyof typeof METHODS, how] as const),
)

const send = (n: number, data: unknown): Send => ({
  type: 'send',
  confirmed: n - 1,
  messages: [{ n, id: freshId(), channel: 'in', data }],
})

interface Scene extends FakeServer {
  readonly failing: FailingEngine
  /** Reads `news`, and is nobody whom the failure concerns. */
  readonly bystander: FakePeer
  /** Everybody else. */
  readonly peers: FakePeer[]
}

async function start(): Promise<Scene> {
  const failing = new FailingEngine()
  const server = fakeServer({
    engine: failing.engine,
    sessions: { sweepMs: SWEEP_MS },
    onMessage: ({ data }, { publish }) => (publish(`room:${String(data)}`, data), data),
  })
  const bystander = await server.open({ subscriptions: [{ sub: 1, channel: 'news', cursor: null }] })
  const peers: FakePeer[] = []
  const open = async (fields?: Partial<Hello>): Promise<FakePeer> => {
    const peer = await server.open(fields)
    peers.push(peer)
    return peer
  }
  return { ...server, open, failing, bystander, peers }
}

/** A peer with a number applied, a channel open, and a session to come back to. */
async function ready(
  { open, clock }: Scene,
  at: number,
): Promise<{ readonly peer: FakePeer; readonly hello: Partial<Hello>; readonly token: string }> {
  const peer = await open({ subscriptions: [{ sub: 1, channel: `own:${at}`, cursor: null }] })
  peer.say(send(1, 'first'))
  await clock.settle()
  const { session, outboxToken: token = '' } = peer.last('session_init')
  return { peer, token, hello: { client: peer.client, session: { id: session.id, token: session.token }, confirmed: 1 } }
}

/**
 * Everything that makes a server call its engine, by everybody and from everywhere: frames, closes, timers, the app.
 */
async function everything(scene: Scene, met: readonly Awaited<ReturnType<typeof ready>>[]): Promise<void> {
  const { clock, core, open } = scene
  const [sending, unsubscribing, volatile, recalling, leaving, going, resuming, worker] = met
  sending?.peer.say(send(2, 'second'))
  unsubscribing?.peer.say({ type: 'unsubscribe', subs: [1] })
  unsubscribing?.peer.say({ type: 'subscribe', subscriptions: [{ sub: 2, channel: 'other', cursor: null }] })
  volatile?.peer.say({ type: 'volatile', messages: [{ id: freshId(), channel: 'in', data: 'volatile' }] })
  recalling?.peer.say({ type: 'recall', client: going?.hello.client ?? '', ids: [freshId()] })
  leaving?.peer.say({ type: 'sign_out' })
  going?.peer.drop()
  await open(resuming?.hello)
  await open()
  worker?.peer.drop()
  const only = await open({ client: worker?.peer.client ?? '', outboxToken: worker?.token ?? '' })
  only.say(send(2, 'worker'))
  await clock.settle()
  core.publish('elsewhere', 1).catch(() => {})
  core.metrics()
  await clock.pass(2 * SWEEP_MS)
}

/** Longer than the server waits for any answer, while the bystander shows that it lives. */
async function outwait({ clock, bystander }: Scene): Promise<void> {
  for (let passedMs = 0; passedMs < 32_000; passedMs += 4_000) {
    bystander.say({ type: 'ping' })
    await clock.pass(4_000)
  }
}

describe('an engine of which a method fails', () => {
  it.each(TABLE)('[I29] [I32] costs at most the connections that asked, and is told once each time: %s %s', async (method, how) => {
    const scene = await start()
    const { clock, core, failing, bystander, peers, logs, open } = scene
    const met = []
    for (let at = 0; at < 8; at++) met.push(await ready(scene, at))
    failing.fail(method, how)
    await everything(scene, met)
    const closed = method === 'close' ? core.close(0) : undefined
    await clock.settle()
    if (how === 'never answers') await outwait(scene)
    await closed
    failing.calm()
    const said = logs.filter((entry) => (entry as { event: string }).event === 'engine_failed')
    const isNoAnswer = how === 'nonsense' || ((how.startsWith('rejects') || how === 'never answers') && AT_ONCE.includes(method))
    const error = isNoAnswer ? 'TypeError' : how === 'throws a text' || how === 'never answers' ? 'Error' : 'RangeError'
    expect(said[0]).toMatchObject({ level: 'error', method, error })
    expect(said).toHaveLength(failing.failures)
    expect(logs.filter((entry) => (entry as { event: string }).event === 'failed')).toEqual([])
    if (method === 'close') return
    expect(bystander.closedWith).toBeUndefined()
    const concerned = peers.filter(({ closedWith }) => closedWith?.name === 'internal')
    const isSilent = method === 'confirm' && how.startsWith('rejects')
    expect(concerned.length > 0).toBe(METHODS[method] === 'closes' && !isSilent)
    // Everybody gets going again, those that were closed with it included.
    const again = await open(met[0]?.hello)
    const next = (again.answer().client?.hi ?? 0) + 1
    again.say(send(next, 'again'))
    await core.publish('news', 'afterwards')
    await clock.pass(2 * SWEEP_MS)
    expect(again.last('ack').hi).toBe(next)
    expect(bystander.messagesOf(1)).toMatchObject([{ data: 'afterwards' }])
    expect(core.metrics().sessions).toBeGreaterThan(0)
    await core.close(0)
    expect(clock.timers).toBe(0)
  })

  it('[I29] that cannot start closes whoever comes, says so once, and the server closes', async () => {
    const failing = new FailingEngine()
    failing.fail('start', 'rejects')
    const { open, core, logs } = fakeServer({ engine: failing.engine })
    const peers = [await open(), await open()]
    expect(peers.map(({ closedWith }) => closedWith?.code)).toEqual([1011, 1011])
    await expect(core.publish('news', 1)).rejects.toThrow('the engine failed')
    expect(logs).toMatchObject([{ event: 'engine_failed', method: 'start' }])
    await core.close(0)
  })
})
