/** The channel that every client reads. */
export const BOARD = 'board'

/** How many rooms there are; a client reads one of them and sends there. */
const ROOMS = 10

/** The room of the nth client. */
export function roomOf(client: number): string {
  return `room-${client % ROOMS}`
}
