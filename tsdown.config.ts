import { fileURLToPath } from 'node:url'
import { defineConfig, type Rolldown, type UserConfig } from 'tsdown'

const common: UserConfig = { format: 'esm', target: 'es2022', dts: true, fixedExtension: false, outDir: 'dist' }

/** The one thing of the hub that a page loads: in a file of its own, and only where it is needed. */
const pageHub: Rolldown.Plugin = {
  name: 'page-hub',
  resolveId: (id) => (id === './page-hub.js' ? fileURLToPath(new URL('src/hub/page-hub.ts', import.meta.url)) : null),
}

export default defineConfig([
  {
    ...common,
    platform: 'neutral',
    plugins: [pageHub],
    entry: { index: 'src/page/index.ts', protocol: 'src/protocol/index.ts', 'server-in-browser': 'src/server/in-browser.ts' },
  },
  {
    // A worker starts with one request: everything it needs is in its own file.
    ...common,
    // Not neutral: Comlink names its module in fields that only a browser build reads.
    platform: 'browser',
    entry: { hub: 'src/hub/shared-worker.ts' },
    deps: { alwaysBundle: [/.*/], onlyBundle: ['comlink', 'idb'] },
  },
  {
    // The app's bundler puts Workbox in, and with it the files' list.
    ...common,
    platform: 'browser',
    entry: { sw: 'sw/index.ts' },
    deps: { alwaysBundle: [/^idb$/], onlyBundle: ['idb'] },
  },
  {
    // With workbox-window in it: Node takes that package for CommonJS, and an app that renders on a server imports this
    // file there.
    ...common,
    platform: 'browser',
    entry: { 'sw-register': 'sw/register/index.ts' },
    deps: { alwaysBundle: [/^workbox-window$/], onlyBundle: ['workbox-window', 'workbox-core'], neverBundle: ['./page-hub.js'] },
  },
  {
    ...common,
    platform: 'node',
    entry: { server: 'src/server/index.ts', testing: 'src/testing/index.ts' },
  },
])
