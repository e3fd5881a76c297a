import { fileURLToPath, URL } from 'node:url'

import vue from '@vitejs/plugin-vue'
import icons from 'unplugin-icons/vite'
import { defineConfig } from 'vitest/config'

import { bundleBudget } from './build/bundleBudget.ts'
import { gzipCopies } from './build/gzipCopies.ts'
import { narrowVue } from './build/narrowVue.ts'

const server = process.env.HUITANG_SERVER ?? 'http://localhost:8080'

export default defineConfig({
  plugins: [vue(), icons({ compiler: 'vue3', scale: 1.25 }), narrowVue(), gzipCopies(), bundleBudget()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  define: {
    __VUE_OPTIONS_API__: 'false',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __VUE_I18N_FULL_INSTALL__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
    // Texts are compiled by src/i18n/compileMessage.ts.
    __INTLIFY_DROP_MESSAGE_COMPILER__: 'true',
  },
  build: {
    // Old WeChat web views and iPads still in use (ux.md floor: Android WebView 90, iOS 15).
    target: ['chrome87', 'safari14'],
    // The page's CSP has no `data:`; every asset is a file of its own.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      output: {
        // What every page needs, and apart from it what only pages with dialogs, menus or tabs need.
        codeSplitting: {
          groups: [{ name: 'vue', test: /node_modules\/(?:@vue|vue|vue-router|pinia|vue-i18n|@intlify)\// }],
        },
      },
    },
  },
  server: {
    proxy: {
      '/api': server,
      '/healthz': server,
      '/socket.io': { target: server, ws: true },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts', 'build/**/*.test.ts'],
  },
})
