/** Two soft tones on the chosen speaker: enough to know that sound arrives, too short to disturb. */

const TONES_HZ = [523, 659] as const
const TONE_S = 0.22
const VOLUME = 0.2

/** Only Chromium can choose the speaker of an AudioContext. */
type Routable = AudioContext & { setSinkId?: (id: string) => Promise<void> }

export async function playTestSound(speakerId: string): Promise<void> {
  const context: Routable = new AudioContext()
  if (speakerId && context.setSinkId) await context.setSinkId(speakerId).catch(() => undefined)
  const gain = new GainNode(context, { gain: VOLUME })
  gain.connect(context.destination)
  TONES_HZ.forEach((frequency, index) => {
    const tone = new OscillatorNode(context, { frequency })
    tone.connect(gain)
    tone.start(context.currentTime + index * TONE_S)
    tone.stop(context.currentTime + (index + 1) * TONE_S)
    if (index === TONES_HZ.length - 1) tone.onended = () => void context.close()
  })
}
