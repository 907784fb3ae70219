import { describe, expect, it } from 'vitest'
import { hubLockName, type LiveHub } from '../bridge/lock-names.ts'
import { createHubChoice } from './hub-choice.ts'

const SCOPE = 'S'.repeat(22)
const hub = (changes: Partial<LiveHub> = {}): LiveHub => ({
  epoch: 0,
  instance: 'A'.repeat(22),
  generation: 0,
  rung: 'shared',
  build: '',
  url: '/own.js',
  ...changes,
})
const lockOf = (changes: Partial<LiveHub> = {}): string => hubLockName(SCOPE, hub(changes))
const name = (rest: string): string => `holdfast:${SCOPE}:${rest}`

/** A page that is attached to the hub of its own script. */
function returning(): ReturnType<typeof createHubChoice> {
  const choice = createHubChoice('')
  choice.choose(SCOPE, null)
  choice.attached(SCOPE, lockOf())
  return choice
}

describe('to which hub a page goes', () => {
  it('[DS3] a page that was just loaded goes to its own script, whichever hub lives, and keeps the generation', () => {
    expect(createHubChoice('').choose(SCOPE, null)).toEqual({ name: name('0') })
    expect(createHubChoice('').choose(SCOPE, hub({ url: '/newer.js', generation: 4 }))).toEqual({ name: name('4') })
    expect(createHubChoice('b2').choose(SCOPE, hub({ generation: 4 }))).toEqual({ name: name('4:b2') })
  })

  it('[DS4] a page that was attached before goes where the newest hub is, and stays there when that one is gone', () => {
    const choice = returning()
    const newer = hub({ epoch: 1, build: 'b2', url: '/newer.js' })
    expect(choice.choose(SCOPE, newer)).toEqual({ name: name('0:b2'), url: '/newer.js' })
    choice.attached(SCOPE, hubLockName(SCOPE, newer))
    expect(choice.choose(SCOPE, null)).toEqual({ name: name('0:b2'), url: '/newer.js' })
    expect(choice.choose(SCOPE, hub({ epoch: 2, generation: 1 }))).toEqual({ name: name('1') })
  })

  it('[DS5] starts the next generation at the same address beside a hub that does not answer', () => {
    const choice = returning()
    const newer = hub({ epoch: 3, build: 'b2', url: '/newer.js' })
    choice.choose(SCOPE, newer)
    choice.unanswered()
    expect(choice.choose(SCOPE, newer)).toEqual({ name: name('1:b2'), url: '/newer.js' })
    choice.unanswered()
    expect(choice.choose(SCOPE, hub({ epoch: 4, generation: 7 }))).toEqual({ name: name('7') })
  })

  it('[DS5] does not go back to a hub of its own that did not answer', () => {
    const choice = returning()
    choice.choose(SCOPE, null)
    choice.unanswered()
    expect(choice.choose(SCOPE, hub())).toEqual({ name: name('1') })
  })

  it('[DS4] starts its own script when that of the newest hub does not load, and goes back when that fails, too', () => {
    const choice = returning()
    const newer = hub({ epoch: 1, url: '/gone.js' })
    expect(choice.choose(SCOPE, newer).url).toBe('/gone.js')
    choice.broken()
    expect(choice.choose(SCOPE, newer)).toEqual({ name: name('0') })
    choice.broken()
    expect(choice.choose(SCOPE, newer).url).toBe('/gone.js')
  })

  it('[DS3] [EL4] a hub in a tab is found by its name: one of another script is started beside it under the next one', () => {
    const choice = createHubChoice('', '/own.js')
    const other = hub({ rung: 'elected', generation: 2, url: '/older.js' })
    expect(choice.choose(SCOPE, hub({ rung: 'elected', generation: 2 }))).toEqual({ name: name('2') })
    expect(choice.choose(SCOPE, other)).toEqual({ name: name('3') })
    // Again, because its own did not start yet.
    expect(choice.choose(SCOPE, other)).toEqual({ name: name('3') })
    // Another build has another name; a hub that is about to begin has no address yet; a SharedWorker is found by its address.
    expect(createHubChoice('b2', '/own.js').choose(SCOPE, other)).toEqual({ name: name('2:b2') })
    expect(createHubChoice('', '/own.js').choose(SCOPE, { ...other, url: '' })).toEqual({ name: name('2') })
    expect(createHubChoice('', '/own.js').choose(SCOPE, { ...other, rung: 'shared' })).toEqual({ name: name('2') })
    // Where nothing tells the own address the name decides.
    expect(createHubChoice('').choose(SCOPE, other)).toEqual({ name: name('2') })
  })

  it('[DS4] [EL7] does not take the script of a hub in another tab for its own, nor go back to that hub when it is silent', () => {
    const choice = createHubChoice('')
    const older = hub({ rung: 'elected', url: '/older.js' })
    choice.choose(SCOPE, older)
    choice.attached(SCOPE, hubLockName(SCOPE, older), true)
    expect(choice.choose(SCOPE, older)).toEqual({ name: name('0'), url: '/older.js' })
    choice.unanswered()
    expect(choice.choose(SCOPE, { ...older, url: '/other.js' })).toEqual({ name: name('1'), url: '/older.js' })
    expect(choice.choose(SCOPE, { ...older, generation: 1, epoch: 1, url: '' })).toEqual({ name: name('1') })
  })

  it('[DS6] a page that was just loaded tries once whether its script is a newer one under another name', () => {
    const choice = createHubChoice('')
    choice.choose(SCOPE, hub({ generation: 2 }))
    expect(choice.otherBuild()).toBe(true)
    expect(choice.choose(SCOPE, hub({ generation: 2 }))).toEqual({ name: name('3') })
    expect(choice.otherBuild()).toBe(false)
    expect(returning().otherBuild()).toBe(false)
  })
})
