import { expect, it } from 'vitest'
import { isWhole } from './cached-channel.ts'

it.each<[boolean, number[], number]>([
  [true, [], 5],
  [true, [5], 5],
  [true, [3, 4, 5], 5],
  [false, [3, 5], 5],
  [false, [3, 4], 5],
  [false, [5, 6], 5],
  [false, [4, 3, 5], 5],
  [false, [5, 5], 5],
])('[ST9] [I15] that a cached channel is whole is %j of the messages %j with the cursor at %i', (whole, offsets, cursor) => {
  expect(
    isWhole(
      offsets.map((offset) => ({ offset, id: '', json: '' })),
      cursor,
    ),
  ).toBe(whole)
})
