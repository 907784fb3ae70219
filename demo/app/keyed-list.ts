/** A row on the page. */
export interface Row<Item> {
  readonly node: HTMLElement
  /** Shows the item; called when it is another object than before. */
  update(item: Item): void
}

/**
 * Keeps the children of `list` in step with items: one row per key, made once, moved when the order changes, updated when its item is another object.
 * Returns how to show the next items.
 */
export function createKeyedList<Item>(
  list: HTMLElement,
  keyOf: (item: Item) => string,
  createRow: (item: Item) => Row<Item>,
): (items: readonly Item[]) => void {
  const rows = new Map<string, { readonly row: Row<Item>; item: Item | undefined }>()
  let isFirst = true
  return (items) => {
    // What the page was delivered with: placeholders.
    if (isFirst) list.replaceChildren()
    isFirst = false
    const keys = new Set(items.map(keyOf))
    for (const [key, { row }] of rows) {
      if (keys.has(key)) continue
      row.node.remove()
      rows.delete(key)
    }
    let next = list.firstElementChild
    for (const item of items) {
      const key = keyOf(item)
      let held = rows.get(key)
      if (held === undefined) rows.set(key, (held = { row: createRow(item), item: undefined }))
      if (held.item !== item) held.row.update(item)
      held.item = item
      if (held.row.node === next) next = next.nextElementSibling
      else list.insertBefore(held.row.node, next)
    }
  }
}
