"""What a page really sends, receives, shows and sounds like: getStats, decoded frames, spectra of the remote sound.

Pages hand out their connection as ``window.__huitang`` when ``localStorage['huitang.debug']`` is "1".
"""

from __future__ import annotations

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

LOCAL_PORT = """async () => {
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

# Rising edges of the flash and of the beep in the publisher's own camera and microphone, in ms of the page's clock.
SOURCE_EDGES = """async ({seconds, beepHz}) => {
  const tracks = window.__huitang.pc.getSenders().map(s => s.track).filter(Boolean);
  const video = document.createElement('video'); video.muted = true;
  video.srcObject = new MediaStream(tracks.filter(t => t.kind === 'video').slice(0, 1)); await video.play();
  const canvas = document.createElement('canvas'); canvas.width = 16; canvas.height = 16;
  const paint = canvas.getContext('2d', {willReadFrequently: true});
  const context = new AudioContext({sampleRate: 48000}); await context.resume();
  const source = context.createMediaStreamSource(new MediaStream(tracks.filter(t => t.kind === 'audio').slice(0, 1)));
  const node = context.createScriptProcessor(512, 1, 1); source.connect(node); node.connect(context.destination);
  const flashes = [], beeps = []; let white = true, loud = true;
  node.onaudioprocess = event => {
    const x = event.inputBuffer.getChannelData(0); let re = 0, im = 0, power = 0;
    for (let i = 0; i < x.length; i++) { const p = 2 * Math.PI * beepHz * i / 48000;
      re += x[i] * Math.cos(p); im += x[i] * Math.sin(p); power += x[i] * x[i]; }
    const now = power > 0.05 && (re * re + im * im) / x.length / power > 0.2;
    if (now && !loud) beeps.push(performance.now()); loud = now;
  };
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const at = await new Promise(done => video.requestVideoFrameCallback(now => done(now)));
    paint.drawImage(video, 0, 0, 16, 16);
    const data = paint.getImageData(4, 2, 8, 4).data; let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum += data[i];
    const now = sum / (data.length / 4) > 180;
    if (now && !white) flashes.push(at); white = now;
  }
  node.disconnect(); source.disconnect(); await context.close();
  return {flashes, beeps};
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


async def local_port(page: Page) -> int:
    """The UDP port that the page's media leaves from."""
    return int(await page.evaluate(LOCAL_PORT))


async def spectrum(page: Page, frequencies: list[float]) -> dict[float, float]:
    """dB at each frequency, the loudest of all remote tracks."""
    found: dict[str, float] = await page.evaluate(SPECTRUM, frequencies)
    return {float(f): level for f, level in found.items()}


async def source_lag_ms(page: Page, seconds: float, beep_hz: float) -> float:
    """How much later than the flash the beep comes in this publisher's own camera and microphone files (median)."""
    edges = await page.evaluate(SOURCE_EDGES, {"seconds": seconds, "beepHz": beep_hz})
    return nearest_lag_ms(edges["flashes"], edges["beeps"])


def nearest_lag_ms(flashes: list[float], beeps: list[float]) -> float:
    """Median of (nearest beep − flash). AssertionError when there is none of either."""
    assert flashes, "no flash was seen"
    assert beeps, "no beep was heard"
    lags = sorted(min((beep - flash for beep in beeps), key=abs) for flash in flashes)
    return lags[len(lags) // 2]
