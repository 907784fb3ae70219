type Attributes = Readonly<Record<string, string | number | boolean>>

/** An HTML element. An attribute that is `false` is left out, one that is `true` is set without a value. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) if (value !== false) node.setAttribute(name, value === true ? '' : String(value))
  node.append(...children)
  return node
}

const SVG = 'http://www.w3.org/2000/svg'

/** One of the symbols of `index.html`. It says nothing to a screen reader: words stand beside it. */
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.classList.add('icon')
  svg.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS(SVG, 'use')
  use.setAttribute('href', `#icon-${name}`)
  svg.append(use)
  return svg
}

/** An empty path in a drawing of its own, to be given its `d` by the caller. */
export function drawing(className: string, width: number, height: number): { readonly svg: SVGSVGElement; readonly path: SVGPathElement } {
  const svg = document.createElementNS(SVG, 'svg')
  svg.classList.add(className)
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
  svg.setAttribute('aria-hidden', 'true')
  const path = document.createElementNS(SVG, 'path')
  svg.append(path)
  return { svg, path }
}

/** The element of the page with this id, an `HTMLElement` of any kind or of the one that is given. */
export function byId(id: string): HTMLElement
export function byId<T extends HTMLElement>(id: string, type: new () => T): T
export function byId(id: string, type: new () => HTMLElement = HTMLElement): HTMLElement {
  const node = document.getElementById(id)
  if (!(node instanceof type)) throw new Error(`The page has no fitting #${id}.`)
  return node
}

/** Writes only what has changed, so that screen readers and the layout are left in peace. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text
}
