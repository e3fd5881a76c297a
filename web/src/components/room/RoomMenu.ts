/** The drop-down menu and its positioning come after the room is usable; until then its trigger stands alone. */
import { defineAsyncComponent, type FunctionalComponent } from 'vue'

const TriggerOnly: FunctionalComponent = (_props, { slots }) => slots.default?.()

export default defineAsyncComponent({
  loader: () => import('@/components/base/BaseMenu.vue'),
  loadingComponent: TriggerOnly,
  delay: 0,
})
