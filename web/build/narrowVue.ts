import type { Plugin } from 'vite'

/** They import all of Vue only to see whether it has one function by this or by that name. */
const LOOKERS: readonly RegExp[] = [/\/vue-i18n\/dist\/vue-i18n\.mjs$/, /\/reka-ui\/dist\/shared\/useId\.js$/]

/** All that the two use of Vue. A name that is missing here does not build. */
const NAMES: readonly string[] = [
  'computed',
  'createVNode',
  'defineComponent',
  'effectScope',
  'Fragment',
  'getCurrentInstance',
  'getCurrentScope',
  'h',
  'inject',
  'isRef',
  'onMounted',
  'onScopeDispose',
  'onUnmounted',
  'ref',
  'shallowRef',
  'Text',
  'useId',
  'watch',
]

const ID = '\0huitang:narrow-vue'

/** Such an import keeps everything in Vue alive that no page uses: hydration, custom elements, transitions of lists. */
export function narrowVue(): Plugin {
  return {
    name: 'huitang:narrow-vue',
    apply: 'build',
    enforce: 'pre',
    resolveId(source, importer) {
      return source === 'vue' && importer && isLooker(importer) ? ID : null
    },
    load(id) {
      return id === ID ? `export { ${NAMES.join(', ')} } from 'vue'` : null
    },
  }
}

export function isLooker(importer: string): boolean {
  return LOOKERS.some((one) => one.test(importer.split('?')[0] ?? ''))
}
