import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'dates in a binary value are read back as strings',
  drills: ['write-paths'],
  criterion: 'writes-stored',
  remedy: ['values are missing or different'],
});

const isDate = (value: unknown): value is Date => value instanceof Date;

export const openCache = withReplacedMethods((cache) => ({
  getMany: async <T>(keys: readonly string[]) => {
    const found = await cache.getMany<T>(keys);
    return new Map(
      [...found].map(([key, value]) => [key, isDate(value) ? (value.toISOString() as T) : value]),
    );
  },
}));
