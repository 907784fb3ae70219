// The service worker of the app under test. The page asks for a sync while messages wait, and the browser then fires it by itself, network or not.
import { sendOutboxOnSync } from 'holdfast/sw'

sendOutboxOnSync()
