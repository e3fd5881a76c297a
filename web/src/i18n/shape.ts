/** The same keys as the Chinese original, with any words. A missing or a superfluous key does not compile. */
export type Translated<T> = { readonly [K in keyof T]: T[K] extends string ? string : Translated<T[K]> }
