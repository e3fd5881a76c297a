/** Words that only some pages need, in files of their own. A route names its section in meta.section. */
const sections = {
  'zh-CN': {
    encoders: () => import('./zh/encoders'),
    ledger: () => import('./zh/ledger'),
    replay: () => import('./zh/replay'),
    room: () => import('./zh/room'),
    schedule: () => import('./zh/schedule'),
  },
  en: {
    encoders: () => import('./en/encoders'),
    ledger: () => import('./en/ledger'),
    replay: () => import('./en/replay'),
    room: () => import('./en/room'),
    schedule: () => import('./en/schedule'),
  },
} as const

export type Locale = keyof typeof sections
export type Section = keyof (typeof sections)['zh-CN']
type SectionWords<S extends Section> = Awaited<ReturnType<(typeof sections)['zh-CN'][S]>>['default']
export type AllSections = { [S in Section]: SectionWords<S> }

export async function fetchSection(locale: Locale, section: Section): Promise<object> {
  return (await sections[locale][section]()).default
}
