const LOCK_PREFIX = 'demo:tab:'

/** This tab's number among the browser's open tabs, and how many there are. */
export interface TabNumber {
  readonly number: number
  readonly open: number
}

/** Takes the lowest free number for as long as the tab lives, and tells when tabs come and go. */
export function watchTabs(changed: (tabs: TabNumber) => void): void {
  const others = new BroadcastChannel('demo:tabs')
  let number = 0
  let told = ''
  const count = async (): Promise<void> => {
    const { held = [] } = await navigator.locks.query()
    const open = held.filter(({ name }) => name?.startsWith(LOCK_PREFIX)).length
    if (told === `${number}/${open}`) return
    told = `${number}/${open}`
    changed({ number, open })
  }
  const take = async (wanted: number): Promise<void> => {
    const isTaken = await new Promise<boolean>((resolve) => {
      void navigator.locks.request(LOCK_PREFIX + wanted, { ifAvailable: true }, (lock) => {
        resolve(lock !== null)
        return lock === null ? undefined : new Promise(() => {})
      })
    })
    if (!isTaken) return take(wanted + 1)
    number = wanted
    others.postMessage(null)
    return count()
  }
  others.addEventListener('message', () => void count())
  // A tab that was closed or has crashed tells nobody; its lock is gone.
  setInterval(() => void count(), 2_000)
  void take(1)
}
