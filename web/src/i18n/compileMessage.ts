/**
 * Our texts hold words and `{name}`, nothing else (i18n.test.ts keeps them to it): nobody has to fetch the parser for
 * plurals and links that vue-i18n would bring. Pure.
 */
export interface MessageValues {
  named(name: string): unknown
}

export type CompiledMessage = (values: MessageValues) => string

const PLACE = /\{(\w+)\}/g

export function compileMessage(message: string): CompiledMessage {
  return (values) => message.replace(PLACE, (_whole, name: string) => shown(values.named(name)))
}

function shown(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}
