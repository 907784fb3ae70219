/**
 * What of a run's output no line may hold: the marker that tests give credentials and payloads, and anything that looks like a resume token.
 *
 * @param {string} output
 * @returns {string[]} the lines, without what is secret in them
 */
export function findSecrets(output) {
  const secret = /SECRET|"token" ?: ?"[\w-]{43}"/g
  return output
    .split('\n')
    .filter((line) => line.search(secret) >= 0)
    .map((line) => line.replaceAll(secret, '…').slice(0, 200))
}
