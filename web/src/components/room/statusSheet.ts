/** The sheets behind the header's badges. */
export type StatusSheet = 'recording' | 'attendance' | 'network'
