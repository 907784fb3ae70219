import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CONTROL, endOfPiece, formOf, PART_BYTES, utf8Length } from './frames.ts'
import { Line } from './line.ts'
import { Outgoing } from './outgoing.ts'

const LIMITS = { messageBytes: 2 ** 20, bytes: 2 ** 21, lanes: 8, partUnits: 1 }
const bytes = (text: string): number => new TextEncoder().encode(text).length

/** One way only: everything of `near` arrives at `far`, and reports come back at once. */
function oneWay(bytesPerSecond: number, latencyMs: number = 10, limits = LIMITS) {
  let nowMs = 0
  let freeMs = 0
  const queue: { atMs: number; text: string; up: boolean }[] = []
  const heard: { text: string; atMs: number }[] = []
  const frames: { text: string; atMs: number }[] = []
  const near = new Line(
    {
      nowMs: () => nowMs,
      write({ text }) {
        freeMs = Math.max(freeMs, nowMs) + (bytes(text) / bytesPerSecond) * 1_000
        queue.push({ atMs: freeMs + latencyMs, text, up: true })
      },
    },
    limits,
  )
  const far = new Line({ nowMs: () => nowMs, write: ({ text }) => queue.push({ atMs: nowMs + latencyMs, text, up: false }) }, limits)
  return {
    near,
    far,
    heard,
    frames,
    now: () => nowMs,
    /** Lets time pass until nothing is on its way, or for so long. */
    run(untilMs: number = Infinity) {
      for (;;) {
        const next = queue.toSorted((a, b) => a.atMs - b.atMs)[0]
        if (!next || next.atMs > untilMs) break
        queue.splice(queue.indexOf(next), 1)
        nowMs = Math.max(nowMs, next.atMs)
        if (!next.up) {
          near.receive(next.text)
          continue
        }
        frames.push({ text: next.text, atMs: nowMs })
        const told = far.receive(next.text)
        if (told.type === 'message') heard.push({ text: told.text, atMs: nowMs })
      }
      nowMs = Math.max(nowMs, Math.min(untilMs, nowMs + 1))
    },
  }
}

describe('a line', () => {
  it('[P47] [P48] brings messages of any length through in parts that fit, whatever is in them', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 1_000 })), {
          maxLength: 6,
        }),
        (messages) => {
          const { near, heard, frames, run } = oneWay(1e6)
          const said = messages.map(([lane, text, times]) => ({ lane, text: `{${text.repeat(times)}` }))
          for (const { lane, text } of said) near.out.send(lane, { text })
          run()
          expect(heard.map(({ text }) => text).toSorted()).toEqual(said.map(({ text }) => text).toSorted())
          for (const { text } of frames) expect(bytes(text)).toBeLessThanOrEqual(PART_BYTES)
        },
      ),
      { numRuns: 20 },
    )
  })

  it('[P48] keeps the order of every lane', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 40_000 })), { maxLength: 10 }),
        (messages) => {
          const { near, heard, run } = oneWay(100_000)
          const said = messages.map(([lane, length], n) => ({ lane, text: `{"lane":${lane},"n":${n},"x":"${'x'.repeat(length)}"}` }))
          for (const { lane, text } of said) near.out.send(lane, { text })
          run()
          for (const lane of [0, 1, 2]) {
            const of = (texts: readonly string[]): string[] => texts.filter((text) => text.startsWith(`{"lane":${lane},`))
            expect(of(heard.map(({ text }) => text))).toEqual(of(said.map(({ text }) => text)))
          }
        },
      ),
      { numRuns: 20 },
    )
  })

  it('[P47] a character is never cut in two', () => {
    const text = '😀ü€x'.repeat(20)
    expect(utf8Length(text)).toBe(bytes(text))
    for (let bound = 4; bound < 24; bound++) {
      const pieces: string[] = []
      for (let from = 0, end = 0; from < text.length; from = end) pieces.push(text.slice(from, (end = endOfPiece(text, from, bound))))
      expect(pieces.join('')).toBe(text)
      expect(Math.max(...pieces.map(bytes))).toBeLessThanOrEqual(bound)
      expect(pieces.every((piece) => new TextDecoder().decode(new TextEncoder().encode(piece)) === piece)).toBe(true)
    }
  })

  it.each([20_000, 50_000])(
    '[P49] [I40] at %i bytes a second a long value uses the line, and what is about the connection passes within two seconds',
    (rate) => {
      const { near, heard, run, now } = oneWay(rate)
      near.out.send(7, { text: `{${'x'.repeat(600_000)}` })
      run(5_000)
      const saidMs = now()
      near.out.send(CONTROL, { text: '{"type":"pong"}' })
      run(saidMs + 2_000)
      expect(heard.map(({ text }) => text)).toEqual(['{"type":"pong"}'])
      run()
      expect(heard.at(-1)?.text.length).toBe(600_001)
      expect(heard.at(-1)?.atMs).toBeLessThan((600_000 / rate) * 1_000 * 1.1)
    },
  )

  it('[P49] [P51] [I40] at the floor rate something arrives every five seconds', () => {
    const { near, frames, run } = oneWay(4_096)
    near.out.send(7, { text: `{${'x'.repeat(200_000)}` })
    run()
    const gaps = frames.map(({ atMs }, at) => atMs - (frames[at - 1]?.atMs ?? 0))
    expect(Math.max(...gaps)).toBeLessThan(5_000)
  })

  it('[P48] no value waits behind another lane: a short one passes a long one that has begun', () => {
    const { near, heard, run, now } = oneWay(20_000)
    near.out.send(7, { text: `{${'x'.repeat(600_000)}` })
    run(5_000)
    const saidMs = now()
    near.out.send(8, { text: '{"short":true}' })
    run(saidMs + 4_000)
    expect(heard.map(({ text }) => text)).toEqual(['{"short":true}'])
  })

  it('[P49] a fast line that takes long is used: 4 MB at 100 ms each way need no more than the time of slow start', () => {
    const { near, heard, run } = oneWay(1e8, 50, { ...LIMITS, bytes: 2 ** 23 })
    for (let n = 0; n < 4; n++) near.out.send(7 + n, { text: `{${'x'.repeat(1_000_000)}` })
    run()
    expect(heard).toHaveLength(4)
    expect(heard.at(-1)?.atMs).toBeLessThan(1_000)
  })

  it('[P50] what was begun on a lane and is not wanted ends there, on both sides', () => {
    const { near, far, heard, run, now } = oneWay(20_000)
    near.out.send(7, { text: `{${'x'.repeat(600_000)}` })
    run(3_000)
    expect(far.in.held).toBeGreaterThan(0)
    near.out.drop(7)
    run()
    expect([far.in.held, near.out.queued, heard.length]).toEqual([0, 0, 0])
    expect(now()).toBeLessThan(8_000)
    near.out.send(7, { text: '{"next":true}' })
    run()
    expect(heard.map(({ text }) => text)).toEqual(['{"next":true}'])
  })

  it('[P53] [P49] a receiver that begins to report counts what it got before, and no flight of what it did not', () => {
    const line = new Line({ nowMs: () => 0, write: () => {} }, LIMITS)
    line.out.isPlain = true
    for (let n = 0; n < 10; n++) line.out.send(1, { text: '{}' })
    expect(line.receive('=10')).toMatchObject({ type: 'report', isNew: false })
    for (let n = 0; n < 5; n++) line.out.now({ text: `{${'x'.repeat(4_999)}` })
    line.receive('=12')
    expect(line.out.moved).toBe(10_000)
    const late = new Line({ nowMs: () => 0, write: () => {} }, LIMITS)
    late.out.isPlain = true
    for (let n = 0; n < 10; n++) late.out.send(1, { text: '{}' })
    late.receive('=2')
    for (let n = 0; n < 5; n++) late.out.now({ text: `{${'x'.repeat(4_999)}` })
    late.receive('=12')
    expect(late.out.moved).toBe(10_000)
  })

  it('[P49] a receiver that reads nothing holds no more than the first window', () => {
    let written = 0
    const line = new Line({ nowMs: () => 0, write: ({ text }) => void (written += text.length) }, LIMITS)
    for (let n = 0; n < 10; n++) line.out.send(n + 1, { text: `{${'x'.repeat(500_000)}` })
    expect(written).toBeLessThan(3 * PART_BYTES)
    expect(line.out.queued).toBeGreaterThan(4_900_000)
  })
})

describe('what comes on a line', () => {
  const line = (limits = LIMITS) => new Line({ nowMs: () => 0, write: () => {} }, limits)

  it.each(['+', '+:x', '+1', '+1:', '+x:y', '.1:', '+1234567890123456:x', '-', '-x', '=', '=x', '=1', '-3', '=-1'])(
    '[P47] [P50] [I29] %s is bad at the beginning of a socket',
    (text) => {
      expect(line().receive(text)).toMatchObject({ type: 'bad' })
    },
  )

  it('[P47] [I29] any text has a form', () => {
    const head = fc.constantFrom('', '+', '.', '-', '=', '+1', '.2:', '=77')
    fc.assert(fc.property(fc.tuple(head, fc.string()), (text) => formOf(text.join('')).form.length > 0))
  })

  it('[P49] [P50] a report of more than was sent, or of less than before, is bad', () => {
    const own = line()
    for (let n = 0; n < 5; n++) own.out.send(CONTROL, { text: '{}' })
    expect(own.receive('=5')).toEqual({ type: 'report', isNew: true, hasMoved: false })
    expect(own.receive('=5')).toEqual({ type: 'report', isNew: false, hasMoved: false })
    expect(own.receive('=4')).toMatchObject({ type: 'bad' })
    expect(own.receive('=6')).toMatchObject({ type: 'bad' })
  })

  it('[P50] [I30] parts count against the limits of one message, of all, and of lanes', () => {
    const own = line({ messageBytes: 100, bytes: 150, lanes: 2, partUnits: 10 })
    const part = (lane: number, length: number, head = '+'): string => `${head}${lane}:${'x'.repeat(length)}`
    expect(own.receive(part(1, 9))).toEqual({ type: 'bad', isTooLarge: false })
    expect(own.receive(part(1, 80))).toEqual({ type: 'part' })
    expect(own.receive(part(1, 30))).toEqual({ type: 'bad', isTooLarge: true })
    expect(own.receive(part(2, 60))).toEqual({ type: 'part' })
    expect(own.receive(part(2, 20))).toEqual({ type: 'bad', isTooLarge: true })
    expect(own.receive(part(3, 10))).toEqual({ type: 'bad', isTooLarge: false })
    expect(own.receive(part(1, 5, '.'))).toEqual({ type: 'message', text: 'x'.repeat(85) })
    expect(own.in.held).toBe(60)
  })
})

describe('what is on its way', () => {
  /** A sender whose receiver reports when the test says so. */
  function sending(host: { pull?: () => boolean } = {}) {
    const frames: string[] = []
    let [nowMs, most, units] = [0, 0, 0]
    const write = ({ text }: { readonly text: string }): void => {
      frames.push(text)
      units += text.length
      most = Math.max(most, units - out.moved)
    }
    const out: Outgoing = new Outgoing({ nowMs: () => nowMs, write, ...host })
    return {
      out,
      frames,
      /** All that was written arrives after so many milliseconds; gives the most that was on its way since. */
      arrive(ms: number): number {
        nowMs += ms
        most = 0
        out.reported(frames.length)
        return most
      },
    }
  }
  const long = (units: number): { readonly text: string } => ({ text: `{${'x'.repeat(units)}` })

  it('[P49] is never more than 4 MiB, on the fastest line', () => {
    const { out, arrive } = sending()
    for (let lane = 1; lane <= 24; lane++) out.send(lane, long(1_000_000))
    const most = Array.from({ length: 12 }, () => arrive(1))
    expect(Math.max(...most)).toBeLessThanOrEqual(2 ** 22)
    expect(Math.max(...most)).toBeGreaterThan(3_000_000)
  })

  it('[P49] may be 16 KiB on the slowest', () => {
    const { out, arrive } = sending()
    out.send(1, long(1_000_000))
    arrive(1)
    for (let times = 0; times < 5; times++) arrive(60_000)
    expect(arrive(60_000)).toBeGreaterThan(16_000)
  })

  it('[P49] is not more for what was short enough not to wait', () => {
    const { out, arrive } = sending()
    for (let times = 0; times < 1_000; times++) {
      out.send(1, long(1_000))
      arrive(1)
    }
    out.send(1, long(1_000_000))
    out.send(2, long(1_000_000))
    expect(out.queued).toBeGreaterThan(1_950_000)
  })

  it('[P48] lanes have their turn though the logs always have something', () => {
    const { out, frames, arrive } = sending({ pull: () => (out.now(long(5_000)), true) })
    out.send(1, long(100_000))
    for (let times = 0; times < 20; times++) arrive(1)
    expect(frames.filter((text) => text.startsWith('.1:'))).toHaveLength(1)
  })

  it('[BU8] leaves in turns of 16 frames, where others have to have theirs', () => {
    const frames: string[] = []
    let [isFull, went] = [true, 0]
    const out = new Outgoing({ nowMs: () => 0, write: ({ text }) => void frames.push(text), isFull: () => isFull, goOn: () => void went++ })
    out.isPlain = true
    for (let lane = 1; lane <= 40; lane++) out.send(lane, { text: '{}' })
    isFull = false
    for (let turns = 1; turns <= 3; turns++) {
      out.pump()
      expect([frames.length, went]).toEqual(turns < 3 ? [16 * turns, turns] : [40, 2])
    }
  })
})
