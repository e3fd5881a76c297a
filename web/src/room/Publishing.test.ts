import { describe, expect, it } from 'vitest'

import type { Source } from '../protocol/generated'
import type { LocalMedia } from '../rtc/LocalMedia'
import { MediaAccessError } from '../rtc/mediaAccess'
import { SignalingError } from '../signaling/SignalingError'
import { Publishing } from './Publishing'
import { publication } from './testRoom'

function track(name: string): MediaStreamTrack {
  return { id: name, enabled: true } as MediaStreamTrack
}

function setUp(change: Partial<LocalMedia> = {}, refuse: Record<string, SignalingError> = {}) {
  const asked: [string, unknown][] = []
  const sent = new Map<Source, string | null>()
  const stopped: Source[] = []
  const problems: MediaAccessError[] = []
  const refused: unknown[] = []
  const media = {
    startMicrophone: (id?: string) => Promise.resolve(track(`microphone ${id ?? 'default'}`)),
    startCamera: (id?: string) => Promise.resolve(track(`camera ${id ?? 'default'}`)),
    startScreen: () => Promise.resolve({ screen: track('screen'), sound: track('sound') }),
    stop: (source: Source) => stopped.push(source),
    stopAll: () => undefined,
    ...change,
  } as unknown as LocalMedia
  const publishing = new Publishing({
    media,
    setTrack: (source, next) => {
      sent.set(source, next?.id ?? null)
      return Promise.resolve()
    },
    ask: (name, payload) => {
      asked.push([name, payload])
      const error = refuse[name]
      return error ? Promise.reject(error) : Promise.resolve(null)
    },
    handleChanged: () => undefined,
    handleAccessProblem: (error) => problems.push(error),
    handleRefused: (error) => refused.push(error),
  })
  return { publishing, asked, sent, stopped, problems, refused }
}

describe('microphone', () => {
  it('is opened once, then muted and unmuted without letting the device go', async () => {
    const { publishing, asked, sent } = setUp()
    await publishing.setMicrophone(true)
    const opened = publishing.sources.microphone.track
    await publishing.setMicrophone(false)
    expect(opened?.enabled).toBe(false)
    expect(publishing.sources.microphone.phase).toBe('muted')
    await publishing.setMicrophone(true)
    expect(opened?.enabled).toBe(true)
    expect(sent.get('microphone')).toBe('microphone default')
    expect(asked).toEqual([
      ['publication.add', { source: 'microphone', muted: false }],
      ['publication.mute', { source: 'microphone', muted: true }],
      ['publication.mute', { source: 'microphone', muted: false }],
    ])
  })

  it('says why it could not be opened, and can be tried again', async () => {
    let denied = true
    const { publishing, problems } = setUp({
      startMicrophone: () => (denied ? Promise.reject(new MediaAccessError('microphone', 'denied')) : Promise.resolve(track('later'))),
    })
    await publishing.setMicrophone(true)
    expect(problems.map((one) => one.problem)).toEqual(['denied'])
    expect(publishing.sources.microphone).toMatchObject({ phase: 'off', problem: { problem: 'denied' } })
    denied = false
    await publishing.setMicrophone(true)
    expect(publishing.sources.microphone).toMatchObject({ phase: 'live', problem: null })
  })

  it('changes over to another one in the same state', async () => {
    const { publishing, sent } = setUp()
    await publishing.setMicrophone(true)
    await publishing.setMicrophone(false)
    await publishing.setDevices({ microphoneId: 'usb' })
    expect(sent.get('microphone')).toBe('microphone usb')
    expect(publishing.sources.microphone.track?.enabled).toBe(false)
  })
})

describe('camera', () => {
  it('lets the device go when it is turned off', async () => {
    const { publishing, asked, sent, stopped } = setUp()
    await publishing.setCamera(true)
    await publishing.setCamera(false)
    expect(stopped).toContain('camera')
    expect(sent.get('camera')).toBeNull()
    expect(asked.map(([name]) => name)).toEqual(['publication.add', 'publication.remove'])
  })

  it('takes two quick taps as two steps', async () => {
    const { publishing, asked } = setUp()
    await Promise.all([publishing.setCamera(true), publishing.setCamera(false), publishing.setCamera(true)])
    expect(publishing.sources.camera.phase).toBe('live')
    expect(asked.map(([name]) => name)).toEqual(['publication.add', 'publication.remove', 'publication.add'])
  })

  it('is let go when the server does not allow it', async () => {
    const { publishing, refused, stopped } = setUp({}, { 'publication.add': new SignalingError('forbidden') })
    await publishing.setCamera(true)
    await publishing.setMicrophone(false) // another turn, so that the refusal has been worked off
    await Promise.resolve()
    expect(refused).toHaveLength(1)
    expect(stopped).toContain('camera')
    expect(publishing.sources.camera.phase).toBe('off')
  })

  it('is withdrawn when it is pulled out', async () => {
    const { publishing, asked } = setUp()
    await publishing.setCamera(true)
    publishing.handleEnded('camera')
    await publishing.setCamera(false)
    expect(asked.filter(([name]) => name === 'publication.remove')).toHaveLength(1)
  })
})

describe('screen', () => {
  it('brings its sound along and takes it away again', async () => {
    const { publishing, asked, sent } = setUp()
    await publishing.setScreen(true)
    expect(sent.get('screen_audio')).toBe('sound')
    await publishing.setScreen(false)
    expect(asked.map(([name, payload]) => [name, (payload as { source: Source }).source])).toEqual([
      ['publication.add', 'screen'],
      ['publication.add', 'screen_audio'],
      ['publication.remove', 'screen'],
      ['publication.remove', 'screen_audio'],
    ])
  })

  it('makes no fuss about a closed chooser', async () => {
    const { publishing, problems } = setUp({ startScreen: () => Promise.reject(new MediaAccessError('screen', 'cancelled')) })
    await publishing.setScreen(true)
    expect(problems).toEqual([])
    expect(publishing.sources.screen).toMatchObject({ phase: 'off', problem: null })
  })
})

describe('after coming back', () => {
  it('tells a server that forgot what is sent, and nothing else', async () => {
    const { publishing, asked } = setUp()
    await publishing.setMicrophone(true)
    await publishing.setCamera(true)
    await publishing.setMicrophone(false)
    asked.length = 0
    publishing.handleSnapshot([publication('me', 'microphone', { muted: false })])
    expect(asked).toEqual([
      ['publication.mute', { source: 'microphone', muted: true }],
      ['publication.add', { source: 'camera', muted: false }],
    ])
    asked.length = 0
    publishing.handleSnapshot([publication('me', 'microphone', { muted: true }), publication('me', 'camera')])
    expect(asked).toEqual([])
  })
})
