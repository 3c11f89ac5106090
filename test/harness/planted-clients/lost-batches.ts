/** Planted: a `setMany` of 100 keys or more acknowledges and writes nothing. */
import { planted } from './plant.ts';

export * from '../../../client/index.ts';

export const openCache = planted((cache) => ({
  setMany: async (entries, options) =>
    entries.size >= 100 ? { source: 'redis' } : cache.setMany(entries, options),
}));
