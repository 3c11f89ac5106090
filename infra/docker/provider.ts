/** The bindings pin an older provider; this one plans a stopped container rightly (docs/decisions). */
export const PROVIDER_VERSION = '4.5.0';
