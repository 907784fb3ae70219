import { afterEach, describe, expect, it } from 'vitest'
import { createFakeClock } from '../core/testing/fake-clock.ts'
import type { BridgePort } from './bridge-port.ts'
import { listenForPorts, openBroadcastPort, type OpenBroadcast } from './broadcast-port.ts'
import type { HubApi, Result, TabApi } from './contract.ts'
import { serveTab } from './hub-end.ts'
import { openHubPort } from './tab-end.ts'
import { createTestBroadcasts } from './test-broadcasts.ts'

const NAME = 'holdfast:SSSSSSSSSSSSSSSSSSSSSS:0'
const [TAB, OTHER, HUB, NEXT] = ['t', 'u', 'h', 'n'].map((sign) => sign.repeat(22)) as [string, string, string, string]
const ok: Result<null> = { ok: true, value: null }

/** Lets everything that is on its way arrive. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
}

/** A port as its owner uses it; `heard` is what arrived. */
function watch(port: BridgePort): unknown[] {
  const heard: unknown[] = []
  port.addEventListener('message', ({ data }) => heard.push(data))
  port.start()
  return heard
}

function world() {
  const open = createTestBroadcasts()
  const ends: BridgePort[] = []
  const heard: unknown[][] = []
  let answered = 0
  return {
    open,
    ends,
    heard,
    answered: () => answered,
    tab: (id = TAB) => openBroadcastPort(open, NAME, id, () => answered++),
    hub: (id = HUB) =>
      listenForPorts(open, NAME, id, (port) => {
        ends.push(port)
        heard.push(watch(port))
      }),
  }
}

describe('a port over broadcast channels', () => {
  it('[EL5] carries what both ends post, in order', async () => {
    const { tab, hub, ends, heard } = world()
    hub()
    const port = tab()
    const back = watch(port)
    for (let n = 0; n < 20; n++) port.postMessage({ n })
    await settled()
    for (let n = 0; n < 20; n++) ends[0]?.postMessage({ back: n })
    port.postMessage({ n: 20 })
    await settled()
    expect(heard).toEqual([Array.from({ length: 21 }, (_, n) => ({ n }))])
    expect(back).toEqual(Array.from({ length: 20 }, (_, n) => ({ back: n })))
  })

  it('[EL5] keeps what a tab posts until a hub hears it, and says once that one has answered', async () => {
    const { tab, hub, ends, heard, answered } = world()
    const port = tab()
    watch(port)
    port.postMessage('early')
    hub()
    await settled()
    expect(heard).toEqual([['early']])
    expect(answered()).toBe(0)
    for (const answer of ['one', 'two']) ends[0]?.postMessage(answer)
    await settled()
    expect(answered()).toBe(1)
  })

  it('[EL5] hears nothing before it is started', async () => {
    const { open, tab, heard } = world()
    const ends: BridgePort[] = []
    listenForPorts(open, NAME, HUB, (port) => ends.push(port))
    const port = tab()
    watch(port)
    port.postMessage('early')
    await settled()
    const [end] = ends
    if (!end) throw new Error('no end')
    heard.push(watch(end))
    await settled()
    expect(heard).toEqual([['early']])
  })

  it('[EL5] tells no tab what is meant for another, and no hub what is said under another name', async () => {
    const { open, tab, hub, ends, heard } = world()
    hub()
    listenForPorts(open, `${NAME}1`, HUB, () => expect.unreachable('another name'))
    const [one, two] = [watch(tab()), watch(tab(OTHER))]
    await settled()
    ends[0]?.postMessage('for one')
    ends[1]?.postMessage('for two')
    await settled()
    expect([one, two]).toEqual([['for one'], ['for two']])
    expect(heard).toEqual([[], []])
  })

  it('[EL5] belongs to the first hub that answers: a dying one and its successor do not mix', async () => {
    const { tab, hub, ends, heard, answered } = world()
    const port = tab()
    const back = watch(port)
    await settled()
    hub()
    hub(NEXT)
    await settled()
    port.postMessage('to both')
    await settled()
    expect(answered()).toBe(0)
    ends[0]?.postMessage('from the first')
    await settled()
    expect(answered()).toBe(1)
    // From now on only that one is talked to; what the other says is dropped.
    port.postMessage('to the first')
    ends[1]?.postMessage('from another')
    await settled()
    expect(heard).toEqual([['to both', 'to the first'], ['to both']])
    expect(back).toEqual(['from the first'])
  })

  it('[EL5] passes to the hub that begins when the one that heard it has ended without an answer', async () => {
    const { tab, hub, ends, heard } = world()
    hub()
    const port = tab()
    const back = watch(port)
    port.postMessage('question')
    await settled()
    hub(NEXT)
    await settled()
    ends[1]?.postMessage('answer')
    await settled()
    port.postMessage('thanks')
    await settled()
    expect(heard).toEqual([['question'], ['question', 'thanks']])
    expect(back).toEqual(['answer'])
  })

  it('[EL5] is closed at either end: nothing arrives any more, and the same tab may open another', async () => {
    const { tab, hub, ends, heard } = world()
    hub()
    const port = tab()
    const back = watch(port)
    await settled()
    ends[0]?.close()
    port.postMessage('late')
    await settled()
    expect(heard).toEqual([[]])
    const again = tab()
    watch(again)
    await settled()
    expect(ends).toHaveLength(2)
    again.close()
    port.close()
    ends[1]?.postMessage('late')
    await settled()
    expect(back).toEqual([])
  })

  it.each([null, 5, 'open', {}, { open: 5 }, { open: 'short' }, { open: { length: 22 } }, { listening: 'yes' }, [TAB]])(
    '[EL5] [I29] a hub and a tab are not confused by %j from another script of the origin',
    async (message) => {
      const { open, tab, hub, ends, heard } = world()
      hub()
      const back = watch(tab())
      await settled()
      for (const name of [NAME, `${NAME}:${TAB}`]) open(name).postMessage(message)
      await settled()
      expect(ends).toHaveLength(1)
      expect(heard).toEqual([[]])
      expect(back).toEqual([])
    },
  )

  it('[EL5] the calls of tab and hub pass over it, in both directions', async () => {
    const open: OpenBroadcast = createTestBroadcasts()
    const clock = createFakeClock()
    const api = new Proxy({} as HubApi, {
      get:
        () =>
        (...args: unknown[]) =>
          Promise.resolve({ ok: true, value: args }),
    })
    const served: ReturnType<typeof serveTab>[] = []
    listenForPorts(open, NAME, HUB, (port) => served.push(serveTab(port, api, { clock })))
    const delivered: unknown[] = []
    const tab: TabApi = {
      deliver: async (batch) => {
        delivered.push(batch)
        return null
      },
      credential: async () => ({ ok: true, value: 'secret' }),
    }
    const port = openHubPort(
      openBroadcastPort(open, NAME, TAB, () => {}),
      tab,
      clock,
    )
    expect(await port.call(1_000, 'cancel', OTHER)).toEqual({ ok: true, value: [OTHER] })
    expect(await served[0]?.tab.credential()).toEqual({ ok: true, value: 'secret' })
    served[0]?.tab.push({ errors: [] })
    expect(await served[0]?.tab.deliver({ channels: [] })).toEqual({ ok: true, value: null })
    expect(delivered).toEqual([{ errors: [] }, { channels: [] }])
    port.close(ok as never)
    served[0]?.close()
  })
})

describe('real broadcast channels', () => {
  const channels: BroadcastChannel[] = []
  afterEach(() => {
    for (const channel of channels.splice(0)) channel.close()
  })

  it('[EL5] serve as well', async () => {
    const open: OpenBroadcast = (name) => {
      const channel = new BroadcastChannel(name)
      channels.push(channel)
      return channel
    }
    const asked = new Promise((resolve) => {
      listenForPorts(open, NAME, HUB, (end) => {
        end.addEventListener('message', ({ data }) => {
          resolve(data)
          end.postMessage('answer')
        })
        end.start()
      })
    })
    const port = openBroadcastPort(open, NAME, TAB, () => {})
    const answered = new Promise((resolve) => port.addEventListener('message', ({ data }) => resolve(data)))
    port.start()
    port.postMessage('question')
    expect(await asked).toBe('question')
    expect(await answered).toBe('answer')
  })
})
