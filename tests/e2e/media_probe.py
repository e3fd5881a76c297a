"""What a page really sends, receives, shows and sounds like: getStats, decoded frames, spectra of the remote sound.

Pages hand out their connection as ``window.__huitang`` when ``localStorage['huitang.debug']`` is "1".
"""

from __future__ import annotations

import base64
from typing import Any

from playwright.async_api import Page

INBOUND_VIDEO = """async () => {
  const found = [];
  (await window.__huitang.pc.getStats()).forEach(s => {
    if (s.type === 'inbound-rtp' && s.kind === 'video' && s.packetsReceived > 0)
      found.push({mid: s.mid, frames: s.framesDecoded || 0, width: s.frameWidth || 0, freezes: s.freezeCount || 0,
                  freezeSeconds: s.totalFreezesDuration || 0, codecId: s.codecId});
  });
  return found;
}"""

CODECS = """async () => {
  const stats = await window.__huitang.pc.getStats(); const found = {};
  stats.forEach(s => { if ((s.type === 'inbound-rtp' || s.type === 'outbound-rtp') && s.codecId
      && (s.packetsReceived || s.packetsSent))
    found[s.type + ' ' + s.kind] = stats.get(s.codecId).mimeType; });
  return found;
}"""

MAPPED_PORT = """async () => {
  const stats = await window.__huitang.pc.getStats(); let port = 0;
  stats.forEach(s => { if (s.type === 'transport' && s.selectedCandidatePairId) {
    const pair = stats.get(s.selectedCandidatePairId); port = stats.get(pair.localCandidateId).port; } });
  return port;
}"""

# The loudest of all remote tracks at each frequency, in dB, over half a second; "floor" is a frequency nobody uses.
SPECTRUM = """async (frequencies) => {
  const context = window.__probeContext ||= new AudioContext({sampleRate: 48000});
  if (context.state !== 'running') await context.resume();
  const analysers = window.__huitang.pc.getReceivers()
    .filter(r => r.track.kind === 'audio' && r.track.readyState === 'live')
    .map(r => { const a = context.createAnalyser(); a.fftSize = 8192; a.smoothingTimeConstant = 0;
                context.createMediaStreamSource(new MediaStream([r.track])).connect(a); return a; });
  const best = Object.fromEntries(frequencies.map(f => [f, -200]));
  const bins = new Float32Array(4096);
  for (let round = 0; round < 12; round++) {
    await new Promise(done => setTimeout(done, 60));
    for (const analyser of analysers) {
      analyser.getFloatFrequencyData(bins);
      for (const f of frequencies) {
        const bin = Math.round(f * 8192 / 48000);
        for (let i = bin - 1; i <= bin + 1; i++) if (bins[i] > best[f]) best[f] = bins[i];
      }
    }
  }
  return best;
}"""

# The publisher's own camera and microphone as the browser's recorder sees them: both tracks on the browser's clock.
RECORD_SOURCE = """async (seconds) => {
  const tracks = window.__huitang.pc.getSenders().map(s => s.track).filter(Boolean);
  const own = ['video', 'audio'].map(kind => tracks.find(t => t.kind === kind));
  const recorder = new MediaRecorder(new MediaStream(own), {mimeType: 'video/webm;codecs=vp8,opus'});
  const parts = []; recorder.ondataavailable = event => parts.push(event.data);
  const stopped = new Promise(done => recorder.onstop = done);
  const began = Date.now(); recorder.start(); await new Promise(done => setTimeout(done, seconds * 1000));
  recorder.stop(); await stopped;
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer()); let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return [began, btoa(text)];
}"""


async def inbound_video(page: Page) -> list[dict[str, Any]]:
    """One row per slot that has received something."""
    rows: list[dict[str, Any]] = await page.evaluate(INBOUND_VIDEO)
    return rows


async def frames_decoded(page: Page) -> int:
    return sum(int(row["frames"]) for row in await inbound_video(page))


async def codecs(page: Page) -> dict[str, str]:
    """For example ``{"outbound-rtp video": "video/H264"}``."""
    found: dict[str, str] = await page.evaluate(CODECS)
    return found


async def mapped_port(page: Page) -> int:
    """The UDP port that the worker sees this page's media come from (a peer-reflexive candidate behind the relay)."""
    return int(await page.evaluate(MAPPED_PORT))


async def spectrum(page: Page, frequencies: list[float]) -> dict[float, float]:
    """dB at each frequency, the loudest of all remote tracks."""
    found: dict[str, float] = await page.evaluate(SPECTRUM, frequencies)
    return {float(f): level for f, level in found.items()}


async def record_source(page: Page, seconds: float) -> tuple[float, bytes]:
    """When it began (UTC ms), and a WebM of this publisher's own camera and microphone."""
    began_ms, encoded = await page.evaluate(RECORD_SOURCE, seconds)
    return float(began_ms), base64.b64decode(encoded)
