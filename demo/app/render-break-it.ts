import { byId, element, icon, setText } from './element.ts'
import type { Action, Faults, NetworkFault } from './faults.ts'

interface Switch<Name> {
  readonly name: Name
  readonly icon: string
  readonly words: string
  readonly what: string
}

const NETWORK: readonly Switch<NetworkFault>[] = [
  { name: 'heal', icon: 'heal', words: 'Healthy', what: 'All gets through' },
  { name: 'cut', icon: 'cut', words: 'Cut', what: 'Resets, refuses' },
  { name: 'blackhole', icon: 'hole', words: 'Black hole', what: 'Open but silent' },
  { name: 'slow', icon: 'slow', words: 'Slow', what: '0.8 s, 4 KB/s' },
]

const ACTIONS: readonly Switch<Action>[] = [
  { name: 'restart', icon: 'restart', words: 'Crash server', what: 'It forgets all' },
  { name: 'goodbye', icon: 'goodbye', words: 'Restart it', what: 'With a goodbye' },
  { name: 'kill', icon: 'worker', words: 'Kill worker', what: 'Tabs go on' },
]

/** What the timeline says when a switch was pressed. */
export const PRESSED: Readonly<Record<NetworkFault | Action, string>> = {
  heal: 'Network healed',
  cut: 'Network cut',
  blackhole: 'Network black-holed',
  slow: 'Network slowed down',
  restart: 'Server crashed',
  goodbye: 'Server restarts with a goodbye',
  kill: 'Worker killed',
}

/** Makes the break-it panel. Returns how to show which fault is in force. */
export function createBreakItView({ press }: Faults): (network: NetworkFault) => void {
  const note = byId('break-note')
  const anotherTab = byId('another-tab')
  const network = NETWORK.map((item) => {
    const button = createSwitch(item)
    button.addEventListener('click', () => void press(item.name))
    byId('network').append(button)
    return { ...item, button }
  })
  for (const item of ACTIONS) {
    const button = createSwitch(item)
    button.addEventListener('click', () => {
      // Once at a time; it stays focusable meanwhile.
      if (button.getAttribute('aria-disabled') === 'true') return
      button.setAttribute('aria-disabled', 'true')
      void press(item.name).finally(() => button.removeAttribute('aria-disabled'))
    })
    anotherTab.before(button)
  }
  return (now) => {
    for (const { name, words, button } of network) {
      button.setAttribute('aria-pressed', String(name === now))
      button.dataset['name'] = name
      if (name === now) setText(note, name === 'heal' ? '' : words)
    }
    note.hidden = now === 'heal'
  }
}

function createSwitch({ icon: name, words, what }: Switch<string>): HTMLButtonElement {
  return element(
    'button',
    { class: 'switch', type: 'button' },
    icon(name),
    element('span', { class: 'switch-text' }, element('strong', {}, words), ' ', element('span', { class: 'switch-what' }, what)),
  )
}
