// Comlink's finalizers say over a port that garbage was collected, at a time that nothing can plan. And each of them holds on to everything its port
// reaches until it is called: in a process of thousands of simulations, all of them. Runs before Comlink is loaded, which then does without.
Reflect.deleteProperty(globalThis, 'FinalizationRegistry')
