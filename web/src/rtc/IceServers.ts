/** The relays that a connection may use: asked for before they are needed, asked again when half of their time is over. */

export interface IssuedIceServers {
  readonly servers: readonly { readonly urls: readonly string[]; readonly username: string; readonly credential: string }[]
  readonly ttl_s: number
}

export interface IceServersOptions {
  fetch(): Promise<IssuedIceServers>
  now(): number
}

/** A direct path is found without them: nobody waits longer for them than this. */
const WAIT_MS = 1000

export class IceServers {
  private servers: RTCIceServer[] = []
  private freshUntilMs = Number.NEGATIVE_INFINITY
  private asking: Promise<void> | null = null

  constructor(private readonly options: IceServersOptions) {}

  get current(): RTCIceServer[] {
    return this.servers
  }

  /** True when `current` is another list than before. */
  async refresh(): Promise<boolean> {
    if (this.options.now() < this.freshUntilMs) return false
    const before = this.servers
    this.asking ??= this.ask()
    let timer: ReturnType<typeof setTimeout> | undefined
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, WAIT_MS)))
    await Promise.race([this.asking, limit])
    clearTimeout(timer)
    return this.servers !== before
  }

  private async ask(): Promise<void> {
    try {
      const issued = await this.options.fetch()
      this.servers = issued.servers.map(({ urls, username, credential }) => ({ urls: [...urls], username, credential }))
      this.freshUntilMs = this.options.now() + (issued.ttl_s * 1000) / 2
    } catch {
      // Without them as before; the next connection asks again.
    } finally {
      this.asking = null
    }
  }
}
