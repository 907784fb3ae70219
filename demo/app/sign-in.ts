import type { Connection } from 'holdfast'
import type { Author } from './conversation.ts'
import { byId, setText } from './element.ts'
import { swapPeople } from './identity.ts'

/**
 * Shows who is signed in, and lets the other one sign in instead. Every tab begins anew with whoever that is: nothing of the one who left may stay on the screen.
 * `failed` is told when nobody was signed out.
 */
export function createSignInView(connection: Connection, people: readonly [Author, Author], failed: (error: Error) => void): void {
  const [self, other] = people
  const button = byId('switch-person', HTMLButtonElement)
  setText(byId('who'), `Signed in as ${self.name}`)
  setText(button, `Sign in as ${other.name}`)
  connection.on('signedOut', () => location.reload())
  button.addEventListener('click', () => {
    const waiting = connection.state.current.pending
    if (
      waiting !== null &&
      waiting > 0 &&
      !confirm(`${waiting} of your messages could not be sent yet. What cannot be sent in five seconds is lost. Sign out?`)
    )
      return
    button.disabled = true
    setText(button, 'Signing out')
    // Before the other tabs hear of it: they load at once.
    swapPeople(people)
    connection.signOut().catch((error: Error) => {
      // Where the connection is closed, the page loads again.
      if (connection.state.current.status === 'closed') return
      swapPeople([other, self])
      button.disabled = false
      setText(button, `Sign in as ${other.name}`)
      failed(error)
    })
  })
}
