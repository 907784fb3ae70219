import { parseArgs } from 'node:util'
import { PLANS } from './rows.mjs'

/**
 * Reads the command line.
 *
 * @param {string[]} args
 */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: { json: { type: 'string' }, only: { type: 'string' }, rounds: { type: 'string' }, quick: { type: 'boolean', default: false } },
  })
  const { json, only, quick } = values
  const ids = only?.split(',') ?? PLANS.map(({ id }) => id)
  const unknown = ids.filter((id) => !PLANS.some((plan) => plan.id === id))
  if (unknown.length > 0) throw new Error(`No row is called ${unknown.join(', ')}; the rows are ${PLANS.map(({ id }) => id).join(', ')}.`)
  const rounds = Number(values.rounds ?? (quick ? 1 : 3))
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1.')
  // The bare socket behaves much like Socket.IO: a quick run does without it.
  const peers = quick ? ['socket.io'] : ['socket.io', 'websocket']
  return { json, rounds, peers, seconds: quick ? 1 : 3, wants: (/** @type {string} */ id) => ids.includes(id) }
}
