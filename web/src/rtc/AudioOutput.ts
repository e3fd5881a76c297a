/**
 * Plays the audio slots. One element per slot, kept outside the page's layout, so that nobody is silent because a tile
 * is not drawn. Says when the browser wants a tap first.
 */
export interface AudioOutputListener {
  handleAudioBlocked(blocked: boolean): void
}

export class AudioOutput {
  private elements: HTMLAudioElement[] = []
  private speakerId = ''
  private silent = false

  constructor(private readonly listener: AudioOutputListener) {}

  /** An element keeps its place: changing `srcObject` of the same element needs no second tap on iOS. */
  setTracks(tracks: readonly MediaStreamTrack[]): void {
    while (this.elements.length < tracks.length) this.elements.push(this.createElement())
    tracks.forEach((track, index) => {
      const element = this.elements[index]
      if (element) element.srcObject = new MediaStream([track])
    })
    void this.play()
  }

  /** Call from a tap: that is what unlocks sound. */
  async play(): Promise<void> {
    const results = await Promise.allSettled(this.elements.map((element) => element.play()))
    const blocked = results.some((one) => one.status === 'rejected' && isBlocked(one.reason))
    this.listener.handleAudioBlocked(blocked)
  }

  /** Sound is not wanted at present; the elements stay unlocked. */
  setSilent(silent: boolean): void {
    this.silent = silent
    for (const element of this.elements) element.muted = silent
  }

  async setSpeaker(deviceId: string): Promise<void> {
    this.speakerId = deviceId
    await Promise.all(this.elements.map((element) => applySpeaker(element, deviceId)))
  }

  close(): void {
    for (const element of this.elements) {
      element.srcObject = null
      element.remove()
    }
    this.elements = []
  }

  private createElement(): HTMLAudioElement {
    const element = document.createElement('audio')
    element.autoplay = true
    element.hidden = true
    element.muted = this.silent
    document.body.append(element)
    if (this.speakerId) void applySpeaker(element, this.speakerId)
    return element
  }
}

function isBlocked(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'NotAllowedError'
}

/** Not in Safari and Firefox for Android: the system chooses there. A device that is gone: the default plays on. */
async function applySpeaker(element: HTMLAudioElement, deviceId: string): Promise<void> {
  if (typeof element.setSinkId !== 'function') return
  await element.setSinkId(deviceId).catch(() => undefined)
}
