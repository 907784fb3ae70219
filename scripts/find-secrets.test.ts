import { describe, expect, it } from 'vitest'
import { findSecrets } from './find-secrets.mjs'

const marker = ['SEC', 'RET'].join('')

describe('(SEC3) (SEC22) the scan of the whole run', () => {
  it('finds credentials, payloads and resume tokens in any line, and repeats none of them', () => {
    const token = 'x'.repeat(43)
    const output = `fine\n{"event":"hello","data":"${marker} 1"}\n{"session":{"id":"a","token":"${token}"}}\nhttp://host/?t=${marker}\nthe token was fine`
    const found = findSecrets(output)
    expect(found).toHaveLength(3)
    expect(found.join('\n')).not.toMatch(new RegExp(`${marker}|${token}`))
  })

  it('finds nothing in what names no secret', () => {
    expect(findSecrets('12 passed\n{"event":"session_init","connection":1}\n"token":"short"')).toEqual([])
  })
})
