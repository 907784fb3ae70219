import type { Author } from './conversation.ts'

const COLOURS = ['Amber', 'Coral', 'Indigo', 'Jade', 'Olive', 'Ruby', 'Silver', 'Teal']
const ANIMALS = ['Crab', 'Heron', 'Limpet', 'Otter', 'Plover', 'Seal', 'Tern', 'Whelk']

/** Who uses this browser: made up once and kept. */
export function loadPerson(): Author {
  let id = localStorage.getItem('demo:person')
  if (id === null) localStorage.setItem('demo:person', (id = crypto.randomUUID()))
  const number = Number.parseInt(id.slice(0, 8), 16)
  return { kind: 'person', id, name: `${COLOURS[number % 8]} ${ANIMALS[(number >> 4) & 7]}` }
}
