import { element, icon } from './element.ts'

/** Gives every section a button that folds it. It shows on narrow screens only, where the style sheet heeds `data-folded`. */
export function makeSectionsFoldable(): void {
  for (const section of document.querySelectorAll<HTMLElement>('[data-section]')) {
    const title = section.querySelector('h2')
    const body = section.querySelector('.body')
    if (title === null || body === null) continue
    body.id ||= `${title.id}-body`
    const button = element('button', { class: 'fold', type: 'button', 'aria-expanded': 'true', 'aria-controls': body.id }, icon('chevron'))
    button.setAttribute('aria-labelledby', title.id)
    button.addEventListener('click', () => {
      const isFolded = section.toggleAttribute('data-folded')
      button.setAttribute('aria-expanded', String(!isFolded))
    })
    section.querySelector('.head')?.append(button)
  }
}
