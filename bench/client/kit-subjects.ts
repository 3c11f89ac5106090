/** The kit's client as a subject, from this checkout or another. */

export interface Target {
  readonly host: string;
  readonly port: number;
}

/**
 * Operations of a client; an operation that is absent is not supported. Keys are logical keys; values are plain data.
 */
export interface Subject {
  readonly name: string;
  readonly set?: (key: string, value: unknown) => Promise<unknown>;
  readonly get?: (key: string) => Promise<unknown>;
  readonly getMany?: (keys: readonly string[]) => Promise<unknown>;
  readonly setTagged?: (key: string, value: unknown, tags: readonly string[]) => Promise<unknown>;
  readonly getOrCompute?: (key: string, load: () => Promise<unknown>) => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}

export const TTL_SECONDS = 600;
export type Open = (target: Target) => Promise<Subject>;

export type Client = Pick<typeof import('../../client/index.ts'), 'redisCache' | 'tieredCache'>;

export const kitOf =
  (name: string, { redisCache }: Client): Open =>
  async (target) => {
    const cache = redisCache({ address: target, namespace: name.replace(' ', '-') });
    await cache.ping();
    return {
      name,
      set: (key, value) => cache.set(key, value, { ttlSeconds: TTL_SECONDS }),
      setTagged: (key, value, tags) => cache.set(key, value, { ttlSeconds: TTL_SECONDS, tags }),
      get: (key) => cache.get(key),
      getMany: (keys) => cache.getMany(keys),
      getOrCompute: (key, load) => cache.getOrCompute(key, load, { ttlSeconds: TTL_SECONDS }),
      close: () => cache.close(),
    };
  };

export const kitTieredOf =
  (name: string, { tieredCache }: Client): Open =>
  async (target) => {
    const cache = tieredCache({ address: target, namespace: name.replaceAll(/\W+/g, '-') });
    await cache.ping();
    return {
      name,
      set: (key, value) => cache.set(key, value, { ttlSeconds: TTL_SECONDS }),
      get: (key) => cache.get(key),
      getOrCompute: (key, load) => cache.getOrCompute(key, load, { ttlSeconds: TTL_SECONDS }),
      close: () => cache.close(),
    };
  };
