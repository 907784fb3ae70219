/** A browser of any engine, as far as the scenarios need it. All tabs share one profile. */
export interface EngineBrowser {
  /** As the browser itself says: name and number. */
  readonly version: string
  openTab(url: string): Promise<EngineTab>
  close(): Promise<void>
}

/** One tab of it. */
export interface EngineTab {
  /** Runs a function in the page: it sees its arguments and the page's globals, nothing of the file it stands in. Waits for a promise it returns. */
  evaluate<Args extends readonly unknown[], Value>(run: (...args: Args) => Value | Promise<Value>, ...args: Args): Promise<Value>
  /** Goes to `url`, also when it is there already. */
  load(url: string): Promise<void>
  /** Closes the tab as a person would. */
  close(): Promise<void>
}
