/** Only who holds a meeting needs it, with words of its own. */
import { defineAsyncComponent } from 'vue'

import { useSection } from '@/i18n'

export const EncoderCard = defineAsyncComponent(async () => {
  const [card] = await Promise.all([import('./EncoderCard.vue'), useSection('encoders')])
  return card
})
