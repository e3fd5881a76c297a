/**
 * Asks for lost sound again. Chromium and Safari can (they keep what they sent and notice what is missing), but only
 * where the offer says so, and they never write that line themselves. Firefox ignores it. Pure.
 */

const OPUS = /^a=rtpmap:(\d+) opus\/48000\/2\r?$/gim

export function withSoundRepair(sdp: string): string {
  return sdp.replace(OPUS, (line, type: string) => {
    const feedback = `a=rtcp-fb:${type} nack`
    return sdp.includes(`${feedback}\r\n`) ? line : `${line.trimEnd()}\r\n${feedback}${line.endsWith('\r') ? '\r' : ''}`
  })
}
