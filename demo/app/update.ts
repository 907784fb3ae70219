import type { Connection } from 'holdfast'
import { registerServiceWorker } from 'holdfast/sw/register'
import { byId, setText } from './element.ts'

const DRAFT = 'demo:draft'

/** Starts the app offline next time, and shows when a new version of it waits. What was being written is kept over the reload. */
export function offerUpdates(connection: Connection): void {
  const notice = byId('update')
  const text = byId('update-text')
  const accept = byId('update-accept', HTMLButtonElement)
  const compose = byId('compose-text', HTMLTextAreaElement)
  compose.value ||= sessionStorage.getItem(DRAFT) ?? ''
  sessionStorage.removeItem(DRAFT)

  const worker = registerServiceWorker('./sw.js', {
    connection,
    reload() {
      sessionStorage.setItem(DRAFT, compose.value)
      location.reload()
    },
  })
  worker.update.subscribe(() => {
    const { current } = worker.update
    notice.hidden = current === 'none'
    accept.disabled = current === 'applying'
    setText(
      text,
      current === 'applying' ? 'Moving every tab to the new version.' : 'A new version is ready. Nothing you have sent is lost.',
    )
  })
  accept.addEventListener('click', () => worker.acceptUpdate())
}
