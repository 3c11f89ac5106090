/** The bindings pin an older provider; this version plans a stopped container correctly (docs/decisions). */
export const PROVIDER_VERSION = '4.5.0';
