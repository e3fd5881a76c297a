/** The reader's make-up duties. */
import { get } from './client'
import type { MakeupTaskInfo } from '@/protocol/generated'

export async function fetchMakeupTasks(signal: AbortSignal): Promise<MakeupTaskInfo[]> {
  return (await get<{ tasks: MakeupTaskInfo[] }>('/api/makeup', { signal })).tasks
}
