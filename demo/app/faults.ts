/** What the demo's proxy does to the network. */
export type NetworkFault = 'heal' | 'cut' | 'blackhole' | 'slow'

/** What can be done to the server and the hub. */
export type Action = 'restart' | 'goodbye' | 'kill'

/** The switches of the break-it panel. */
export interface Faults {
  readonly press: (what: NetworkFault | Action) => Promise<void>
}

/** What the switches tell, in every tab. */
export interface FaultListener {
  /** Somebody, in this tab or another one, has broken or healed something. */
  readonly pressed: (what: NetworkFault | Action) => void
  readonly failed: (error: unknown) => void
}

const CONTROL: Readonly<Record<NetworkFault | Exclude<Action, 'kill'>, string>> = {
  heal: 'network/heal',
  cut: 'network/cut',
  blackhole: 'network/blackhole',
  slow: 'network/slow',
  restart: 'server/restart',
  goodbye: 'server/goodbye',
}

/** Connects the switches. They speak plain HTTP to the page's own server, so they work while the proxy lets nothing through. */
export function connectFaults({ pressed, failed }: FaultListener): Faults {
  const tabs = new BroadcastChannel('demo:faults')
  const worker = new BroadcastChannel('demo:kill')
  tabs.addEventListener('message', ({ data }) => pressed(data as NetworkFault | Action))
  return {
    async press(what) {
      try {
        // Told first: what follows from it should not be heard of before.
        tabs.postMessage(what)
        pressed(what)
        if (what === 'kill') worker.postMessage(null)
        else await request('POST', CONTROL[what])
      } catch (error) {
        failed(error)
      }
    },
  }
}

/** What the network does now; asked once, when a tab opens. */
export async function currentNetwork(): Promise<NetworkFault> {
  const { network } = (await (await request('GET', 'network')).json()) as { network: NetworkFault }
  return network
}

async function request(method: string, path: string): Promise<Response> {
  const response = await fetch(`control/${path}`, { method })
  if (!response.ok) throw new Error(`The demo's server answered ${response.status}.`)
  return response
}
