import { createPinia } from 'pinia'
import { createApp } from 'vue'

import App from './App.vue'
import { i18n } from './i18n'
import { router } from './router'
import { useSettings } from './stores/settings'
import './styles/tokens.css'
import './styles/base.css'
import './styles/controls.css'
import './styles/tones.css'
import './styles/float.css'

async function start(): Promise<void> {
  const app = createApp(App).use(createPinia()).use(i18n)
  await useSettings().apply()
  app.use(router).mount('#app')
}

void start()
