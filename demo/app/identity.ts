import type { Author } from './conversation.ts'

const COLOURS = ['Amber', 'Coral', 'Indigo', 'Jade', 'Olive', 'Ruby', 'Silver', 'Teal']
const ANIMALS = ['Crab', 'Heron', 'Limpet', 'Otter', 'Plover', 'Seal', 'Tern', 'Whelk']

/** The two people who share this browser: made up once and kept. The first is signed in. */
export function loadPeople(): readonly [Author, Author] {
  const [first, second] = (localStorage.getItem('demo:people') ?? '').split(' ')
  const people = first && second ? ([first, second] as const) : ([crypto.randomUUID(), crypto.randomUUID()] as const)
  keep(people)
  return [authorOf(people[0]), authorOf(people[1])]
}

/** The other one is signed in from the next load on; in all tabs. */
export function swapPeople([first, second]: readonly [Author, Author]): void {
  keep([second.id, first.id])
}

function keep(ids: readonly [string, string]): void {
  localStorage.setItem('demo:people', ids.join(' '))
}

function authorOf(id: string): Author {
  const number = Number.parseInt(id.slice(0, 8), 16)
  return { kind: 'person', id, name: `${COLOURS[number % 8]} ${ANIMALS[(number >> 4) & 7]}` }
}
