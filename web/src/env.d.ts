/// <reference types="vite/client" />

// hls.js ships types for the full build only; the light one has the same API without subtitles, DRM and so on.
declare module 'hls.js/light' {
  export * from 'hls.js'
  export { default } from 'hls.js'
}
