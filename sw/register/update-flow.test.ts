import { describe, expect, it } from 'vitest'
import { createUpdateFlow } from './update-flow.ts'

/** Tabs of one browser, as far as updates go. */
function openTab(isControlledAtFirst: boolean): {
  flow: ReturnType<typeof createUpdateFlow>
  waiting(): void
  /** Another service worker has the page, or none has. */
  controller(has?: boolean): void
  calls: string[]
} {
  const calls: string[] = []
  let waiting = (): void => {}
  let controller = (): void => {}
  let isControlled = isControlledAtFirst
  const flow = createUpdateFlow({
    onWaiting: (listener) => (waiting = listener),
    onController: (listener) => (controller = listener),
    isControlled: () => isControlled,
    skipWaiting: () => calls.push('skip'),
    reload: () => calls.push('reload'),
    report: (error) => calls.push(String(error)),
  })
  return {
    flow,
    waiting: () => waiting(),
    controller(has = true) {
      isControlled = has
      controller()
    },
    calls,
  }
}

describe('update flow', () => {
  it('[SW2] [SW3] tells of an update that waits, once, and lets it go on when it is accepted', () => {
    const { flow, waiting, controller, calls } = openTab(true)
    const told: string[] = []
    flow.state.subscribe(() => told.push(flow.state.current))
    expect(flow.state.current).toBe('none')
    waiting()
    waiting()
    expect(told).toEqual(['waiting'])
    expect(calls).toEqual([])
    flow.accept()
    expect(told).toEqual(['waiting', 'applying'])
    expect(calls).toEqual(['skip'])
    controller()
    expect(calls).toEqual(['skip', 'reload'])
  })

  it('[SW3] moves a tab when another one has accepted, told before or not', () => {
    const told = openTab(true)
    told.waiting()
    told.controller()
    expect(told.calls).toEqual(['reload'])
    const untold = openTab(true)
    untold.controller()
    expect(untold.calls).toEqual(['reload'])
    expect(untold.flow.state.current).toBe('applying')
  })

  it('[SW4] the first service worker takes the page over without a reload; the next one does not', () => {
    const { waiting, controller, calls } = openTab(false)
    controller()
    expect(calls).toEqual([])
    waiting()
    controller()
    expect(calls).toEqual(['reload'])
  })

  it('[SW4] a service worker that went with a cleared site, and the one after it, reload nothing', () => {
    const { flow, waiting, controller, calls } = openTab(true)
    controller(false)
    controller()
    expect(calls).toEqual([])
    expect(flow.state.current).toBe('none')
    waiting()
    controller()
    expect(calls).toEqual(['reload'])
  })

  it('[SW4] a page is reloaded once, however often the service worker changes while it is being left', () => {
    const { flow, waiting, controller, calls } = openTab(true)
    waiting()
    flow.accept()
    controller()
    controller()
    waiting()
    flow.accept()
    expect(calls).toEqual(['skip', 'reload'])
  })

  it('[SW4] there is nothing to accept while no update waits', () => {
    const { flow, calls } = openTab(true)
    flow.accept()
    expect(calls).toEqual([])
    expect(flow.state.current).toBe('none')
  })

  it('[SW3] an update that did not go on can be accepted again', () => {
    const { flow, waiting, calls } = openTab(true)
    waiting()
    flow.accept()
    flow.accept()
    expect(calls).toEqual(['skip', 'skip'])
  })
})
