/** The only file that imports socket.io-client: one socket per attempt, opened and closed, never re-used. */
import { io } from 'socket.io-client'
import type { Ack, ConnectAuth } from '../protocol/generated'

export interface SocketHandlers {
  handleOpen(): void
  /** `code` is set when the server itself refused; null when it could not be reached. */
  handleRefused(code: string | null, message: string): void
  handleClosed(reason: string): void
  handleMessage(name: string, payload: unknown): void
}

export interface OpenSocket {
  emit(name: string, payload: unknown, acknowledged: (ack: Ack) => void): void
  close(): void
}

export type SocketOpener = (url: string, auth: ConnectAuth, handlers: SocketHandlers) => OpenSocket

const CONNECT_TIMEOUT_MS = 5000

/** Socket.IO carries a refusal as `error.data`; an unreachable server has none. */
function refusalCode(error: Error & { data?: unknown }): string | null {
  const data = error.data
  if (typeof data !== 'object' || data === null || !('code' in data)) return null
  return typeof data.code === 'string' ? data.code : null
}

export const openSocket: SocketOpener = (url, auth, handlers) => {
  const socket = io(url, {
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
    timeout: CONNECT_TIMEOUT_MS,
    auth: { ...auth },
  })
  socket.on('connect', () => handlers.handleOpen())
  socket.on('connect_error', (error: Error & { data?: unknown }) => {
    socket.disconnect()
    handlers.handleRefused(refusalCode(error), error.message)
  })
  socket.on('disconnect', (reason) => handlers.handleClosed(reason))
  socket.onAny((name: string, payload: unknown) => handlers.handleMessage(name, payload))
  return {
    emit: (name, payload, acknowledged) => void socket.emit(name, payload, acknowledged),
    close: () => {
      socket.off()
      socket.offAny()
      socket.disconnect()
    },
  }
}
