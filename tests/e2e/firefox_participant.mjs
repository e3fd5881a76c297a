// A member in Debian's Firefox: logs in, enters, switches microphone and camera on, and reports what it decodes.
// Input: one JSON argument {url, meetingId, account, password}. Output: one JSON line a second. Ends when stdin closes.
import { createRequire } from 'node:module'

const require = createRequire(new URL('../../web/package.json', import.meta.url))
const puppeteer = require('puppeteer-core')
const { url, meetingId, account, password, screenshot } = JSON.parse(process.argv[2])

const browser = await puppeteer.launch({
  browser: 'firefox',
  executablePath: '/usr/bin/firefox-esr',
  headless: true,
  acceptInsecureCerts: true,
  extraPrefsFirefox: {
    'media.navigator.streams.fake': true,
    'media.navigator.permission.disabled': true,
    'media.autoplay.default': 0,
    'media.peerconnection.ice.obfuscate_host_addresses': false,
    'media.peerconnection.ice.default_address_only': false,
    'media.peerconnection.ice.no_host': false,
    'media.peerconnection.ice.link_local': true,
    'network.proxy.type': 0,
    // No foreign host is asked for anything.
    'media.gmp-manager.updateEnabled': false,
    'app.update.enabled': false,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
  },
})
process.stdin.resume()
process.stdin.on('end', async () => {
  await browser.close()
  process.exit(0)
})

const page = await browser.newPage()
await page.setViewport({ width: 1280, height: 800 })
const at = (id) => `[data-testid="${id}"]`
const click = async (id) => (await page.waitForSelector(at(id), { visible: true, timeout: 20000 })).click()

try {
  await page.goto(`${url}/login`)
  await page.evaluate(() => localStorage.setItem('huitang.debug', '1'))
  await page.waitForSelector(at('account'))
  await page.type(at('account'), account)
  await page.type(at('password'), password)
  await click('login')
  await page.waitForSelector(at('home'), { timeout: 20000 })
  await page.goto(`${url}/meetings/${meetingId}/lobby`)
  await click('join-button')
  await click('toggle-microphone')
  await click('toggle-camera')
  for (;;) {
    const seen = await page.evaluate(async () => {
      const found = { inbound: {}, outbound: {}, codecs: {} }
      const stats = await window.__huitang.pc.getStats()
      stats.forEach((s) => {
        if (s.type === 'inbound-rtp' && s.packetsReceived > 0) found.inbound[s.kind] = (found.inbound[s.kind] ?? 0) + (s.framesDecoded ?? s.packetsReceived)
        if (s.type === 'inbound-rtp' && s.packetsReceived > 0) found.codecs[s.kind] = stats.get(s.codecId)?.mimeType ?? ''
        if (s.type === 'outbound-rtp' && s.packetsSent > 0) found.outbound[s.kind] = stats.get(s.codecId)?.mimeType ?? ''
      })
      return found
    })
    console.log(JSON.stringify(seen))
    if (screenshot && seen.codecs.video) await page.screenshot({ path: screenshot })
    await new Promise((done) => setTimeout(done, 1000))
  }
} catch (error) {
  console.log(JSON.stringify({ error: String(error), url: page.url() }))
  await browser.close()
  process.exit(1)
}
