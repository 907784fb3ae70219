/** What a page says to the service worker that is about to be replaced: it is to end what it does. */
export const LEAVE = 'holdfast:leave'

/** What a page says that was loaded while the app's first service worker was started, too late to be taken over with the others. */
export const CLAIM = 'holdfast:claim'
