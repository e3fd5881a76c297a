/** Ids that make a command idempotent. `crypto.randomUUID` exists in secure contexts only; this page may be plain http. */
export function newRequestId(source: Crypto = globalThis.crypto): string {
  if (typeof source.randomUUID === 'function') return source.randomUUID()
  const bytes = source.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
