/**
 * Parts of the room that nobody needs in its first second. They are fetched as soon as the room stands, not on the tap:
 * leaving must work without a network as well.
 */
import { defineAsyncComponent, type Component } from 'vue'

type Loader = () => Promise<{ default: Component }>

const LOADERS = {
  access: () => import('./AccessHelp.vue'),
  broadcast: () => import('./BroadcastStage.vue'),
  agenda: () => import('./AgendaPanel.vue'),
  closed: () => import('./RoomClosed.vue'),
  devices: () => import('./DeviceSheet.vue'),
  dialogs: () => import('./RoomDialogs.vue'),
  hands: () => import('./HandsPanel.vue'),
  panel: () => import('./RoomPanel.vue'),
  people: () => import('./PeopleDialogs.vue'),
  remarks: () => import('./RemarksPanel.vue'),
  still: () => import('./StillStage.vue'),
  status: () => import('./StatusSheets.vue'),
} satisfies Record<string, Loader>

export const AccessHelp = defineAsyncComponent(LOADERS.access)
export const BroadcastStage = defineAsyncComponent(LOADERS.broadcast)
export const StillStage = defineAsyncComponent(LOADERS.still)
export const AgendaPanel = defineAsyncComponent(LOADERS.agenda)
export const RoomClosed = defineAsyncComponent(LOADERS.closed)
export const DeviceSheet = defineAsyncComponent(LOADERS.devices)
export const HandsPanel = defineAsyncComponent(LOADERS.hands)
export const RemarksPanel = defineAsyncComponent(LOADERS.remarks)
/** Stage and controls stand first; the lists follow at once. */
export const RoomPanel = defineAsyncComponent(LOADERS.panel)
export const RoomDialogs = defineAsyncComponent(LOADERS.dialogs)
export const PeopleDialogs = defineAsyncComponent(LOADERS.people)
export const StatusSheets = defineAsyncComponent(LOADERS.status)

const SETTLE_MS = 1500

/** One that cannot be fetched now is tried again when it is needed. */
export function fetchLater(): void {
  setTimeout(() => {
    for (const load of Object.values(LOADERS)) void load().catch(() => undefined)
  }, SETTLE_MS)
}
