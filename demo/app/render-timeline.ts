import { byId, element, setText } from './element.ts'
import { createKeyedList, type Row } from './keyed-list.ts'
import { ago, exactTimeOfDay } from './relative-time.ts'
import type { Happening } from './timeline.ts'

/** Makes the timeline. Returns how to show it; the seconds go on by themselves. */
export function createTimelineView(): (timeline: readonly Happening[]) => void {
  const list = byId('events')
  const show = createKeyedList<Happening>(list, ({ id }) => String(id), createEvent)
  setInterval(() => {
    const nowMs = Date.now()
    for (const time of list.getElementsByTagName('time')) setText(time, ago(Date.parse(time.dateTime), nowMs))
  }, 1_000)
  return show
}

function createEvent({ kind }: Happening): Row<Happening> {
  const text = element('span', { class: 'event-text' })
  const times = element('span', { class: 'event-times' })
  const time = element('time')
  return {
    node: element(
      'li',
      { class: 'event', 'data-kind': kind },
      element('span', { class: 'event-mark', 'aria-hidden': 'true' }),
      text,
      times,
      time,
    ),
    update({ text: what, times: often, atMs }) {
      setText(text, what)
      setText(times, often > 1 ? `× ${often}` : '')
      time.dateTime = new Date(atMs).toISOString()
      time.title = exactTimeOfDay(atMs)
      setText(time, ago(atMs, Date.now()))
    },
  }
}
