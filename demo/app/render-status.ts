import type { ConnectionState } from 'holdfast'
import { countOf, wordsFor, type Tone, type Words } from './connection-words.ts'
import { byId, element, icon, setText } from './element.ts'

/** Makes the header. Returns how to show the state and the number of open tabs. */
export function createStatusView(retryNow: () => void): (state: ConnectionState, tabs: number) => void {
  const bar = byId('bar')
  const label = byId('state-label')
  const detail = byId('state-detail')
  const retry = byId('retry')
  const facts = createFacts(byId('facts'))
  const replay = byId('replay')
  const progress = byId('replay-progress', HTMLProgressElement)
  const replayText = byId('replay-text')
  retry.addEventListener('click', retryNow)
  const countdown = createCountdown()

  /** The trouble that the present try may end. */
  let trouble: Words | null = null

  return (state, tabs) => {
    const { status } = state
    if (state.status === 'waiting') trouble = wordsFor(state)
    else if (status !== 'connecting') trouble = null
    // Tries come and go; the words stay until one of them succeeds, so that nobody is told the same twice.
    const words = trouble ?? wordsFor(state)
    bar.dataset['tone'] = words.tone
    bar.dataset['status'] = status
    setText(label, words.label)
    setText(detail, words.detail)
    facts(state, tabs)
    countdown(state.status === 'waiting' ? state.retryAtMs : trouble && 0)
    const canRetry = trouble !== null || status === 'refused'
    // Not while it has the focus and is being used: a button that vanishes takes the keyboard's place with it.
    if (!canRetry && document.activeElement === retry) byId('state').focus({ preventScroll: true })
    retry.hidden = !canRetry
    replay.hidden = status !== 'recovering'
    if (state.status === 'recovering') {
      progress.max = Math.max(1, state.missed)
      // Without a value it says that nothing has arrived yet.
      if (state.recovered === 0) progress.removeAttribute('value')
      else progress.value = state.recovered
      setText(replayText, `Replaying ${state.recovered} of ${state.missed}`)
    }
    showInTab(state, words.label, words.tone)
  }
}

/** Seconds until the next try, 0 for now; for the eye only: the words beside it are read out once. */
function createCountdown(): (untilMs: number | null) => void {
  const node = byId('countdown')
  let untilMs: number | null = null
  let timer = 0
  const tick = (): void => {
    const seconds = Math.ceil(((untilMs ?? 0) - Date.now()) / 1_000)
    setText(node, seconds > 0 ? `Next try in ${seconds} s` : 'Trying now')
  }
  return (next) => {
    if (next === untilMs) return
    untilMs = next
    node.hidden = next === null
    clearInterval(timer)
    if (next === null) return
    timer = window.setInterval(tick, 250)
    tick()
  }
}

function createFacts(list: HTMLElement): (state: ConnectionState, tabs: number) => void {
  const add = (name: string): { readonly item: HTMLElement; readonly text: HTMLElement } => {
    const text = element('span')
    const item = element('li', { class: 'fact' }, icon(name), text)
    list.append(item)
    return { item, text }
  }
  const pending = add('clock')
  const durable = add('disk')
  const shared = add('link')
  return (state, tabs) => {
    // Nothing is said of what nobody knows yet.
    list.hidden = state.durable === null
    pending.item.dataset['on'] = String(state.pending !== 0)
    setText(pending.text, `${state.pending} pending`)
    durable.item.dataset['off'] = String(!state.durable)
    setText(durable.text, state.durable ? 'Queue on disk' : 'Queue in memory only')
    shared.item.dataset['off'] = String(!state.shared)
    setText(shared.text, state.shared ? `${countOf(Math.max(1, tabs), 'tab')}, one socket` : 'A socket of its own')
  }
}

const FAVICON: Readonly<Record<Tone, string>> = { good: '#0f8a7e', calm: '#5f7d92', warn: '#c77700', bad: '#c4322a' }

/** A tab in the background shows the state, too. */
function showInTab({ status, pending }: ConnectionState, label: string, tone: Tone): void {
  const title = `${pending ? `(${pending}) ` : ''}${label} · Holdfast`
  if (document.title !== title) document.title = title
  const mark = status === 'connected' ? 'M9 17l5 5 9-11' : tone === 'calm' ? 'M10 16h.1M16 16h.1M22 16h.1' : 'M16 9v9m0 5v.1'
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="${FAVICON[tone]}"/><path d="${mark}" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/></svg>`
  const href = `data:image/svg+xml,${encodeURIComponent(svg)}`
  const link = byId('favicon', HTMLLinkElement)
  if (link.href !== href) link.href = href
}
