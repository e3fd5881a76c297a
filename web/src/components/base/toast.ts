/** Short news that leave by themselves. One list for the page; ToastHost shows it. */
import { readonly, ref } from 'vue'

export interface ToastItem {
  id: number
  text: string
  tone: 'ok' | 'over' | 'info'
}

const SHOWN_MS = 6000
const MOST_AT_ONCE = 3

const items = ref<ToastItem[]>([])
let next = 1

export function useToast() {
  return { items: readonly(items), show: showToast, dismiss: dismissToast }
}

export function showToast(text: string, tone: ToastItem['tone'] = 'info'): void {
  const item = { id: next++, text, tone }
  // The same news again is not more news.
  items.value = [...items.value.filter((one) => one.text !== text), item].slice(-MOST_AT_ONCE)
  setTimeout(() => dismissToast(item.id), SHOWN_MS)
}

/** A sheet or a menu opens where the toasts are: what is no refusal leaves the place to it. */
export function makeRoom(): void {
  items.value = items.value.filter((item) => item.tone === 'over')
}

export function dismissToast(id: number): void {
  items.value = items.value.filter((item) => item.id !== id)
}
