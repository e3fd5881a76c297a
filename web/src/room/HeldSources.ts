/**
 * What shall be sent as soon as there is a way for it: wished at the door, or stopped because the broadcast took over. An
 * open microphone that nobody can hear would be a lie, and one that opens by itself after long a trap.
 */
import type { Source } from '../protocol/generated'

/** Sharing a screen cannot begin again without being asked for. */
export type HeldSource = Extract<Source, 'microphone' | 'camera'>

/** By then the person has turned to something else. */
export const HELD_AT_MOST_MS = 60_000

export class HeldSources {
  private sources = new Set<HeldSource>()
  private sinceMs = 0

  constructor(private readonly now: () => number) {}

  hold(sources: readonly HeldSource[]): void {
    if (sources.length === 0) return
    if (this.sources.size === 0) this.sinceMs = this.now()
    for (const source of sources) this.sources.add(source)
  }

  /** The person, or the host, has decided otherwise. */
  drop(source: Source): void {
    this.sources.delete(source as HeldSource)
  }

  has(): boolean {
    return this.sources.size > 0
  }

  /** What is sent again now; nothing of it is held any longer. */
  take(): HeldSource[] {
    const taken = this.now() - this.sinceMs <= HELD_AT_MOST_MS ? [...this.sources] : []
    this.sources.clear()
    return taken
  }
}
