import type { OpenLocalHubs } from '../bridge/local-hubs.ts'

/** As in the package: a file of its own beside the page's, which only those load who need it. */
export const openLocalHubs: OpenLocalHubs
