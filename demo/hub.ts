// The demo brings its own hub script so that the break-it panel has a way to kill it. An app needs the first line only.
import 'holdfast/hub'

new BroadcastChannel('demo:kill').addEventListener('message', () => self.close())
