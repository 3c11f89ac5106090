import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'one key in a hundred keeps its first value for reads',
  drills: ['coherence'],
  criterion: 'coherent-tiers',
  remedy: ['return old values', 'defect of the client'],
});

/** Selects one key in a hundred; the selection depends only on the key. */
const isChosen = (key: string) =>
  [...key].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 100, 7) === 0;

export const openCache = withReplacedMethods((cache) => {
  const first = new Map<string, unknown>();
  const seen = (key: string, value: unknown) => {
    if (isChosen(key) && !first.has(key)) first.set(key, value);
  };
  return {
    set: (key, value, options) => {
      seen(key, value);
      return cache.set(key, value, options);
    },
    setMany: (entries, options) => {
      for (const [key, value] of entries) seen(key, value);
      return cache.setMany(entries, options);
    },
    get: async <T>(key: string) => (first.has(key) ? (first.get(key) as T) : cache.get<T>(key)),
  };
});
