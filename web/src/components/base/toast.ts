/** Short news that leave by themselves. One list for the page; ToastHost shows it. */
import { readonly, ref } from 'vue'

export interface ToastItem {
  id: number
  text: string
  tone: 'ok' | 'over' | 'info'
}

const items = ref<ToastItem[]>([])
let next = 1

export function useToast() {
  return { items: readonly(items), show: showToast, dismiss: dismissToast }
}

export function showToast(text: string, tone: ToastItem['tone'] = 'info'): void {
  items.value = [...items.value.slice(-2), { id: next++, text, tone }]
}

export function dismissToast(id: number): void {
  items.value = items.value.filter((item) => item.id !== id)
}
