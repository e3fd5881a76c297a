/** Loudness of the own microphone, muted or not: a clone of the track stays enabled beside the sent one. */

const INTERVAL_MS = 100
const FLOOR_DB = -60

/** Root mean square of time-domain samples (0–255, silence at 128) as a share 0…1 of the useful range. Pure. */
export function levelOf(samples: Uint8Array): number {
  if (samples.length === 0) return 0
  let sum = 0
  for (const sample of samples) sum += ((sample - 128) / 128) ** 2
  const rms = Math.sqrt(sum / samples.length)
  if (rms === 0) return 0
  return Math.min(1, Math.max(0, 1 - (20 * Math.log10(rms)) / FLOOR_DB))
}

export class LevelMeter {
  private readonly context: AudioContext
  private readonly clone: MediaStreamTrack
  private readonly timer: ReturnType<typeof setInterval>

  constructor(track: MediaStreamTrack, handleLevel: (level: number) => void) {
    this.clone = track.clone()
    this.clone.enabled = true
    this.context = new AudioContext()
    const analyser = this.context.createAnalyser()
    analyser.fftSize = 512
    this.context.createMediaStreamSource(new MediaStream([this.clone])).connect(analyser)
    const samples = new Uint8Array(analyser.fftSize)
    this.timer = setInterval(() => {
      analyser.getByteTimeDomainData(samples)
      handleLevel(levelOf(samples))
    }, INTERVAL_MS)
  }

  close(): void {
    clearInterval(this.timer)
    this.clone.stop()
    void this.context.close().catch(() => undefined)
  }
}
