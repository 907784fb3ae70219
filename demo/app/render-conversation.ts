import type { SendFate } from 'holdfast'
import type { Author, Line } from './conversation.ts'
import { byId, element, icon, setText } from './element.ts'
import { createKeyedList, type Row } from './keyed-list.ts'
import { exactTimeOfDay, timeOfDay } from './relative-time.ts'

/** What people can do here. */
export interface ConversationActions {
  readonly send: (text: string) => void
  readonly retry: (id: string) => void
  readonly discard: (id: string) => void
}

const FATES: Readonly<Record<SendFate, { readonly icon: string; readonly words: string }>> = {
  sending: { icon: 'clock', words: 'Saving' },
  queued: { icon: 'clock', words: 'Queued on this device' },
  sent: { icon: 'tick', words: 'Sent, not confirmed yet' },
  applied: { icon: 'ticks', words: 'Applied' },
  rejected: { icon: 'stop', words: 'Rejected' },
  expired: { icon: 'stop', words: 'Expired' },
  cancelled: { icon: 'stop', words: 'Cancelled' },
  failed: { icon: 'stop', words: 'Not queued' },
  unknown: { icon: 'stop', words: 'Nobody knows whether it was applied' },
}

/** How close to the end counts as reading along, px. */
const NEAR_END = 80

/** Makes the conversation. Returns how to show its lines; `null` until there is something to show. */
export function createConversationView(person: Author, actions: ConversationActions): (lines: readonly Line[] | null) => void {
  const scroll = byId('messages-scroll')
  const empty = byId('messages-empty')
  const list = byId('messages')
  const show = createKeyedList<Line>(
    list,
    ({ id }) => id,
    (line) => createLine(line, person, actions),
  )
  let isReadingAlong = true
  const goOn = (): void => {
    if (isReadingAlong) scroll.scrollTop = scroll.scrollHeight
  }
  scroll.addEventListener('scroll', () => (isReadingAlong = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END), {
    passive: true,
  })
  new ResizeObserver(goOn).observe(scroll)
  listenToCompose(actions, () => {
    isReadingAlong = true
    goOn()
  })
  return (lines) => {
    if (lines === null) return
    empty.hidden = lines.length > 0
    list.hidden = lines.length === 0
    show(lines)
    goOn()
  }
}

function listenToCompose({ send }: ConversationActions, sending: () => void): void {
  const form = byId('compose', HTMLFormElement)
  const field = byId('compose-text', HTMLTextAreaElement)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const text = field.value.trim()
    sending()
    if (text) send(text)
    form.reset()
    field.focus()
  })
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    form.requestSubmit()
  })
}

function createLine({ id, draft, atMs, fate: firstFate }: Line, person: Author, actions: ConversationActions): Row<Line> {
  const { author } = draft
  const isMine = author.kind === 'person' && author.id === person.id
  const badge = element('span', { class: 'badge' }, icon('repeat'), 'May be a repeat')
  const fateIcon = element('span', { class: 'fate-icon' })
  const fateWords = element('span')
  const fate = element('p', { class: 'fate' }, element('span', { class: 'fate-words' }, fateIcon, fateWords), badge)
  const choices = element(
    'p',
    { class: 'choices' },
    choice('Try again', () => actions.retry(id)),
    choice('Discard', () => actions.discard(id)),
  )
  const node = element(
    'li',
    { class: `message ${isMine ? 'mine' : author.kind}` },
    element('span', { class: 'avatar', 'aria-hidden': 'true' }, initials(author.name)),
    element(
      'div',
      { class: 'bubble' },
      element(
        'p',
        { class: 'from' },
        element('strong', {}, isMine ? 'You' : author.name),
        author.kind === 'agent' ? element('span', { class: 'tag' }, 'agent') : isMine && author.tab ? `tab ${author.tab}` : '',
        element('time', { datetime: new Date(atMs).toISOString(), title: exactTimeOfDay(atMs) }, timeOfDay(atMs)),
      ),
      element('p', { class: 'text' }, draft.text),
      fate,
      choices,
    ),
  )
  if (firstFate === 'sending') node.classList.add('fresh')
  return {
    node,
    update({ fate: now, reason, mayRepeat }) {
      node.dataset['fate'] = now ?? ''
      fate.hidden = now === null && !mayRepeat
      badge.hidden = !mayRepeat
      choices.hidden = now !== 'rejected' && now !== 'expired'
      fateIcon.replaceChildren(...(now ? [icon(FATES[now].icon)] : []))
      setText(fateWords, now ? FATES[now].words + (reason ? `: ${reason}` : '') : '')
    },
  }
}

function choice(words: string, act: () => void): HTMLButtonElement {
  const button = element('button', { class: 'button small', type: 'button' }, words)
  button.addEventListener('click', () => {
    // The button is about to go; the keyboard's place must not go with it.
    byId('messages-scroll').focus({ preventScroll: true })
    act()
  })
  return button
}

function initials(name: string): string {
  return name
    .split(' ')
    .map(([letter]) => letter)
    .join('')
}
