/** Which encodings a source is sent in, and how a sender's parameters are brought to what is wanted. Pure. */
import type { VolatileEventMap } from '../protocol/generated'

export type VideoCodec = VolatileEventMap['codec.requested']['codec']

export interface Layer {
  /** "" when the source has one encoding only. */
  readonly rid: string
  readonly maxBitrateBps: number
  readonly scaleDownBy: number
  /** The captured picture is too small for so many sizes. */
  readonly isUnused?: boolean
}

/** Low to high: the order of the offer's `a=simulcast`. */
export type Layers = readonly Layer[]

/** WebRTC extensions: Chromium since 124, Firefox since 137; not in TypeScript's library. */
export type Encoding = RTCRtpEncodingParameters & { codec?: RTCRtpCodec }

export interface WantedEncodings {
  readonly layers: Layers
  /** The rids that somebody looks at; null: nobody has said yet, so all are sent. */
  readonly rids: readonly string[] | null
  readonly codec: RTCRtpCodec | null
}

export function sendEncodings(layers: Layers): RTCRtpEncodingParameters[] {
  const [only, ...others] = layers
  if (only && others.length === 0) return [{ maxBitrate: only.maxBitrateBps }]
  return layers.map(({ rid, maxBitrateBps, scaleDownBy }) => ({ rid, maxBitrate: maxBitrateBps, scaleResolutionDownBy: scaleDownBy }))
}

/** For a browser that takes no rids: the whole picture, once. */
export function singleEncoding(layers: Layers): RTCRtpEncodingParameters[] {
  return [{ maxBitrate: topOf(layers)?.maxBitrateBps }]
}

/** On a poor uplink: fewer bits and longer packets, instead of a full queue and lost ones. A member Chromium alone knows. */
export function adaptiveSound(encoding: RTCRtpEncodingParameters): RTCRtpEncodingParameters {
  const adaptive: RTCRtpEncodingParameters & { adaptivePtime: boolean } = { ...encoding, adaptivePtime: true }
  return adaptive
}

export function codecNamed(codecs: readonly RTCRtpCodec[] | undefined, name: VideoCodec): RTCRtpCodec | null {
  return codecs?.find((one) => one.mimeType.toLowerCase() === `video/${name.toLowerCase()}`) ?? null
}

/** Brings `encodings` to what is wanted, in place (setParameters takes only what getParameters gave). True: changed. */
export function shapeEncodings(encodings: Encoding[], wanted: WantedEncodings): boolean {
  const before = JSON.stringify(encodings)
  const isSingle = encodings.length === 1
  for (const encoding of encodings) shapeOne(encoding, isSingle, wanted)
  return JSON.stringify(encodings) !== before
}

/** Chromium makes three sizes of a picture from 960×540 on, two from 480×270 on, and takes the first encodings for them. */
const SIZES = [
  { lines: 540, count: 3 },
  { lines: 270, count: 2 },
  { lines: 0, count: 1 },
] as const

/** Layers for what the camera really gives (`lines`: its shorter side): the largest one that is sent is the whole picture. */
export function fitLayers(layers: Layers, lines: number | undefined): Layers {
  const count = lines === undefined ? layers.length : (SIZES.find((size) => lines >= size.lines)?.count ?? 1)
  const missing = layers.length - count
  if (missing <= 0) return layers
  return layers.map((layer, index) => ({
    ...layer,
    scaleDownBy: layers[index + missing]?.scaleDownBy ?? 1,
    isUnused: index >= count,
  }))
}

function shapeOne(encoding: Encoding, isSingle: boolean, wanted: WantedEncodings): void {
  const { layers, rids, codec } = wanted
  // A peer that takes no simulcast leaves the first encoding over, which is the smallest: it has to carry everything.
  const layer = isSingle ? topOf(layers) : layers.find((one) => one.rid === encoding.rid)
  if (layer) encoding.maxBitrate = layer.maxBitrateBps
  if (layer && layers.length > 1) encoding.scaleResolutionDownBy = layer.scaleDownBy
  encoding.active = (isSingle || !layer?.isUnused) && isActive(encoding.rid ?? '', isSingle, asSent(rids, layers))
  if (codec) encoding.codec = codec
}

function isActive(rid: string, isSingle: boolean, rids: readonly string[] | null): boolean {
  if (rids === null) return true
  return isSingle ? rids.length > 0 : rids.includes(rid)
}

/** Who asks for a size that there is not gets the largest. */
function asSent(rids: readonly string[] | null, layers: Layers): readonly string[] | null {
  const largest = layers.filter((one) => !one.isUnused).at(-1)
  if (!rids || !largest || !layers.some((one) => one.isUnused && rids.includes(one.rid))) return rids
  return [...rids, largest.rid]
}

function topOf(layers: Layers): Layer | undefined {
  return layers[layers.length - 1]
}
