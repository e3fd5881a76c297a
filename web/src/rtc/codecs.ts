/** Which codecs are offered, in which order (H.264 first, VP8 always; RED and opus for sound). Pure. */

export interface CodecLike {
  mimeType: string
  clockRate: number
  channels?: number
  sdpFmtpLine?: string
}

const BASELINE = '42e01f'

function isPacketizedH264(codec: CodecLike): boolean {
  return codec.mimeType.toLowerCase() === 'video/h264' && /packetization-mode=1/.test(codec.sdpFmtpLine ?? '')
}

function isBaseline(codec: CodecLike): boolean {
  return new RegExp(`profile-level-id=${BASELINE}`, 'i').test(codec.sdpFmtpLine ?? '')
}

function hasType(mimeType: string): (codec: CodecLike) => boolean {
  return (codec) => codec.mimeType.toLowerCase() === mimeType
}

/** Constrained baseline if the browser has it, else whatever H.264 it packetises; then VP8 and retransmission. */
export function preferredVideoCodecs<C extends CodecLike>(capabilities: readonly C[]): C[] {
  const h264 = capabilities.filter(isPacketizedH264)
  const baseline = h264.filter(isBaseline)
  return [
    ...(baseline.length > 0 ? baseline : h264),
    ...capabilities.filter(hasType('video/vp8')),
    ...capabilities.filter(hasType('video/rtx')),
  ]
}

/**
 * RED (each packet carries the one before it as well) where the browser has it; the server answers it where everybody can
 * use it. Comfort noise and telephone events only make the offer longer.
 */
export function preferredAudioCodecs<C extends CodecLike>(capabilities: readonly C[]): C[] {
  return [...capabilities.filter(hasType('audio/red')), ...capabilities.filter(hasType('audio/opus'))]
}
