/** Tag of the `sync` event that asks to send the outbox of a scope. */
export function syncTag(scope: string): string {
  return `holdfast:${scope}`
}

/** The scope in the tag of a `sync` event; `null` when the app registered it for something else. */
export function scopeOfTag(tag: string): string | null {
  return /^holdfast:([\w-]{22})$/.exec(tag)?.[1] ?? null
}
