/**
 * The bindings pin an older version of the provider; the version below plans a stopped container correctly
 * (docs/decisions).
 */
export const PROVIDER_VERSION = '4.5.0';
