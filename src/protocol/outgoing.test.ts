import { describe, expect, it } from 'vitest'
import { Outgoing } from './outgoing.ts'

describe('the window of what may be on its way', () => {
  it('[P49] [P52] shrinks once for one stall: what was sent before says nothing new when it arrives', () => {
    let nowMs = 0
    let frames = 0
    let units = 0
    let reported = 0
    const out = new Outgoing({
      nowMs: () => nowMs,
      write({ text }) {
        frames++
        units += text.length
      },
    })
    const report = (count: number, afterMs: number): void => {
      nowMs += afterMs
      reported += count
      out.reported(reported)
    }
    for (let at = 0; at < 48; at++) out.send(1, { text: 'x'.repeat(2 ** 20) })
    // As large as it gets, and with a whole window ahead of every frame.
    for (let round = 0; round < 8; round++) report(frames - reported, 10)
    const most = frames - reported
    for (let at = 0; at < most; at++) report(1, 0)
    report(1, 1_000)
    report(1, 1_000)
    const before = units
    report(frames - reported, 0)
    // 0.51 s of what moved in the first second.
    expect((units - before) / 2 ** 22).toBeGreaterThan(0.45)
    expect((units - before) / 2 ** 22).toBeLessThan(0.55)
  })
})
