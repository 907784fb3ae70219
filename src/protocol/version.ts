/**
 * The version of the wire contract, sent in `hello` and in its answer.
 *
 * History, one line each:
 * - 1: first published contract.
 *
 * `version.test.ts` hashes the message schemas and fails when they change without a new line here.
 */
export const PROTOCOL_VERSION = 1
