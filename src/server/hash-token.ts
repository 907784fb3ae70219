import { createHash } from 'node:crypto'

/** SHA-256 in base64url. Resume tokens are 256 random bits, so a plain hash is enough: there is nothing to guess. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}
