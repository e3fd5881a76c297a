/**
 * One seat's line to the server: connects with a ticket, joins, keeps the room's revision, comes back by itself with the
 * resume token and repeats what was not acknowledged. Must not know what the events mean, nor anything of media or Vue.
 */
import {
  ErrorCode,
  PROTOCOL_VERSION,
  RoomEvents,
  VolatileEvents,
  type Ack,
  type AnyRoomEvent,
  type CommandMap,
  type CommandPayload,
  type ConnectAuth,
  type JoinTicket,
  type RoomJoined,
  type VolatileEventMap,
} from '../protocol/generated'
import { errorFromAck, PendingRequests } from './pendingRequests'
import { reconnectDelayMs } from './reconnectPolicy'
import { isErrorCode, judgeRefusal } from './refusal'
import { newRequestId } from './requestId'
import { SignalingError } from './SignalingError'
import { openSocket, type OpenSocket, type SocketOpener } from './socket'

export type SignalingState = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'closed'
export type DeviceKind = NonNullable<ConnectAuth['device']>
export type TicketSource = () => Promise<Pick<JoinTicket, 'ticket' | 'server_url'>>

export interface SignalingListener {
  handleSignalingState(state: SignalingState, error: SignalingError | null): void
  /** Before the missed events, or with a snapshot that replaces everything known so far. */
  handleJoined(joined: RoomJoined): void
  /** In the order of the room's revision, each exactly once. */
  handleRoomEvent(event: AnyRoomEvent): void
  handleVolatileEvent<N extends keyof VolatileEventMap>(name: N, payload: VolatileEventMap[N]): void
}

export interface SignalingOptions {
  device: DeviceKind
  /** As a second device beside the one that holds the seat. */
  companion?: boolean
  fetchTicket: TicketSource
  listener: SignalingListener
  openSocket?: SocketOpener
  now?: () => number
  random?: () => number
}

const JOIN_TIMEOUT_MS = 8000
const ROOM_EVENT_NAMES: ReadonlySet<string> = new Set(Object.values(RoomEvents))
const VOLATILE_NAMES: ReadonlySet<string> = new Set(Object.values(VolatileEvents))
/** The server hands the room to another process: a new ticket leads there. */
const MOVED_REASON = 'moved'

export class SignalingClient {
  private state: SignalingState = 'idle'
  private socket: OpenSocket | null = null
  private serverUrl = ''
  private resumeToken: string | null = null
  private revision: number | null = null
  private joining = false
  private gaps = 0
  private early: AnyRoomEvent[] = []
  private attempt = 0
  private ticketsInARow = 0
  private lostAtMs = 0
  private retryTimer: ReturnType<typeof setTimeout> | null = null
  private joinTimer: ReturnType<typeof setTimeout> | null = null
  /** Grows with every socket, so that a late answer of an old one is told from one of the present. */
  private era = 0
  private readonly pending = new PendingRequests()
  private readonly open: SocketOpener
  private readonly now: () => number
  private readonly random: () => number

  constructor(private readonly options: SignalingOptions) {
    this.open = options.openSocket ?? openSocket
    this.now = options.now ?? (() => Date.now())
    this.random = options.random ?? Math.random
  }

  get currentState(): SignalingState {
    return this.state
  }

  start(): void {
    if (this.state !== 'idle') return
    this.lostAtMs = this.now()
    this.setState('connecting')
    void this.connect()
  }

  /** Acknowledged data, or a SignalingError. Waits over a lost connection and is then sent again with the same id. */
  request<N extends keyof CommandMap>(
    name: N,
    payload: CommandPayload<N>,
    requestId?: string,
  ): Promise<CommandMap[N]['answer']> {
    if (this.state === 'closed') return Promise.reject(new SignalingError('not_joined'))
    return this.pending.add(name, payload, requestId).catch((error: unknown) => {
      this.handleFailure(error)
      throw error
    }) as Promise<CommandMap[N]['answer']>
  }

  /** The network changed under us: the old socket may hang for seconds, a new one is cheap. */
  handleNetworkChanged(): void {
    if (this.state === 'connected') this.handleLost()
    else if (this.state === 'reconnecting' || this.state === 'connecting') void this.connect()
  }

  close(error: SignalingError | null = null): void {
    if (this.state === 'closed') return
    this.dropSocket()
    this.clearRetry()
    this.pending.rejectAll(error ?? new SignalingError('not_joined'))
    this.setState('closed', error)
  }

  /** The seat was given up while we slept, and this line leads to none any more: take it again. */
  private handleFailure(error: unknown): void {
    if (codeOf(error) === ErrorCode.NOT_JOINED && this.state === 'connected') this.handleLost()
  }

  private async connect(): Promise<void> {
    this.clearRetry()
    this.dropSocket()
    const era = ++this.era
    const auth = await this.credentials(era)
    if (!auth || era !== this.era || this.state === 'closed') return
    this.socket = this.open(this.serverUrl, auth, {
      handleOpen: () => era === this.era && this.sendJoin(),
      handleRefused: (code, message) => era === this.era && this.handleRefused(code, message),
      handleClosed: () => era === this.era && this.handleLost(),
      handleMessage: (name, payload) => era === this.era && this.handleMessage(name, payload),
    })
  }

  private async credentials(era: number): Promise<ConnectAuth | null> {
    const base = { protocol: PROTOCOL_VERSION, device: this.options.device }
    if (this.resumeToken) return { ...base, resume_token: this.resumeToken }
    try {
      const issued = await this.options.fetchTicket()
      this.ticketsInARow += 1
      this.serverUrl = issued.server_url
      return { ...base, ticket: issued.ticket, ...(this.options.companion ? { companion: true } : {}) }
    } catch (error) {
      if (era === this.era) this.handleTicketFailure(error)
      return null
    }
  }

  private handleTicketFailure(error: unknown): void {
    const code = codeOf(error)
    const message = error instanceof Error ? error.message : 'no ticket'
    this.handleRefused(code, message)
  }

  private sendJoin(): void {
    this.joining = true
    this.early = []
    const era = this.era
    this.joinTimer = setTimeout(() => this.handleLost(), JOIN_TIMEOUT_MS)
    const payload = { request_id: newRequestId(), last_revision: this.revision }
    this.socket?.emit('room.join', payload, (ack: Ack) => {
      if (era === this.era) this.handleJoinAck(ack)
    })
  }

  private handleJoinAck(ack: Ack): void {
    this.clearJoinTimer()
    if (!ack.ok || !ack.data) {
      const error = errorFromAck(ack)
      return this.handleRefused(error.code, error.message)
    }
    this.applyJoined(ack.data as unknown as RoomJoined)
  }

  private applyJoined(joined: RoomJoined): void {
    this.resumeToken = joined.resume_token
    this.joining = false
    this.attempt = 0
    this.ticketsInARow = 0
    this.options.listener.handleJoined(joined)
    if (joined.snapshot) this.revision = joined.snapshot.revision
    for (const event of [...(joined.missed ?? []), ...this.early]) this.handleOrdered(event)
    this.early = []
    this.setState('connected')
    const socket = this.socket
    if (socket) this.pending.handleConnected((name, payload, done) => socket.emit(name, payload, done))
  }

  private handleMessage(name: string, payload: unknown): void {
    if (ROOM_EVENT_NAMES.has(name)) {
      const event = payload as AnyRoomEvent
      if (this.joining) this.early.push(event)
      else this.handleOrdered(event)
    } else if (name === 'room.closed') {
      this.handleRoomClosed(payload as VolatileEventMap['room.closed'])
    } else if (VOLATILE_NAMES.has(name)) {
      const known = name as keyof VolatileEventMap
      this.options.listener.handleVolatileEvent(known, payload as VolatileEventMap[typeof known])
    }
  }

  /** Twice is ignored; a gap means that something was lost on the way: join again and get it. */
  private handleOrdered(event: AnyRoomEvent): void {
    const last = this.revision ?? 0
    if (event.revision <= last) return
    if (event.revision > last + 1) {
      this.handleGap()
      return
    }
    this.revision = event.revision
    this.gaps = 0
    this.options.listener.handleRoomEvent(event)
  }

  /** A gap even in what the server gave as missed: only a snapshot helps. */
  private handleGap(): void {
    if (this.joining) return
    this.gaps += 1
    if (this.gaps > 1) this.revision = null
    this.sendJoin()
  }

  private handleRoomClosed(payload: VolatileEventMap['room.closed']): void {
    if (payload.reason === MOVED_REASON) {
      this.resumeToken = null
      this.handleLost()
      return
    }
    this.options.listener.handleVolatileEvent('room.closed', payload)
    this.close(new SignalingError(payload.code, { message: payload.reason }))
  }

  private handleRefused(code: string | null, message: string): void {
    const answer = judgeRefusal(code, this.ticketsInARow)
    if (answer === 'stop') {
      this.close(new SignalingError(isErrorCode(code) ? code : 'internal_error', { message }))
      return
    }
    if (answer === 'new_ticket') this.resumeToken = null
    this.handleLost()
  }

  private handleLost(): void {
    if (this.state === 'closed') return
    this.dropSocket()
    this.pending.handleDisconnected()
    if (this.state === 'connected') {
      this.lostAtMs = this.now()
      this.attempt = 0
      this.setState('reconnecting')
    }
    const delayMs = reconnectDelayMs(this.attempt, this.now() - this.lostAtMs, this.random())
    this.attempt += 1
    this.clearRetry()
    this.retryTimer = setTimeout(() => void this.connect(), delayMs)
  }

  private dropSocket(): void {
    this.era += 1
    this.joining = false
    this.clearJoinTimer()
    this.socket?.close()
    this.socket = null
  }

  private clearRetry(): void {
    if (this.retryTimer) clearTimeout(this.retryTimer)
    this.retryTimer = null
  }

  private clearJoinTimer(): void {
    if (this.joinTimer) clearTimeout(this.joinTimer)
    this.joinTimer = null
  }

  private setState(state: SignalingState, error: SignalingError | null = null): void {
    if (this.state === state) return
    this.state = state
    this.options.listener.handleSignalingState(state, error)
  }
}

/** A failed fetch has no code; an answer of the HTTP API does. */
function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}
