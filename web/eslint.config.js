import js from '@eslint/js'
import vue from 'eslint-plugin-vue'
import globals from 'globals'
import ts from 'typescript-eslint'

const frameworkFree = ['src/signaling/**/*.ts', 'src/rtc/**/*.ts', 'src/room/**/*.ts', 'src/replay/**/*.ts', 'src/format/**/*.ts']

export default ts.config(
  { ignores: ['dist/**', 'node_modules/**', 'src/protocol/generated.ts'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...vue.configs['flat/recommended'],
  {
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true, IIFEs: false }],
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  {
    files: ['**/*.vue'],
    languageOptions: { parserOptions: { parser: ts.parser } },
    rules: {
      // Layout of templates is the author's; meaning is the linter's.
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/first-attribute-linebreak': 'off',
      'vue/require-default-prop': 'off',
      'vue/attributes-order': 'off',
      'vue/no-static-inline-styles': 'error', // CSP: style-src 'self'
      'vue/no-v-html': 'error',
      'vue/no-undef-components': ['error', { ignorePatterns: ['Router(Link|View)'] }],
    },
  },
  {
    files: ['**/*.test.ts'],
    rules: { 'max-lines-per-function': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    // One door per foreign library.
    files: ['src/**/*.{ts,vue}'],
    ignores: ['src/components/base/**'],
    rules: { 'no-restricted-imports': ['error', { patterns: [{ group: ['reka-ui', 'reka-ui/*'], message: 'reka-ui belongs to components/base' }] }] },
  },
  {
    files: frameworkFree,
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['vue', 'vue-*', 'pinia', '@vueuse/*', 'reka-ui', '@/stores/*', '@/components/*', '@/views/*'], message: 'this folder knows no framework' }] },
      ],
    },
  },
)
