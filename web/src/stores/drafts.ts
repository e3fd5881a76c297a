/** Unsent texts kept on this device, so that a closed tab loses nothing. Forgotten once saved, and at logout. */
const PREFIX = 'huitang.draft.'

export function keepDraft(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value))
  } catch {
    // A full or forbidden storage costs the safety copy, not the text on the page.
  }
}

export function readDraft<T>(name: string): T | null {
  try {
    const text = localStorage.getItem(PREFIX + name)
    return text === null ? null : (JSON.parse(text) as T)
  } catch {
    return null
  }
}

export function dropDraft(name: string): void {
  localStorage.removeItem(PREFIX + name)
}

export function dropAllDrafts(): void {
  for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key)
}
