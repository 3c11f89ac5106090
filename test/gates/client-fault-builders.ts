/** Builders that planted clients share: the client's own `openCache` with some methods of the cache replaced. */
import { type Cache, openCache } from '../../client/index.ts';
import type { ClientFault } from './client-fault.ts';

type Methods = { readonly [Name in keyof Cache]?: Cache[Name] };

/** Returns an `openCache` that replaces methods of the cache. */
export function withReplacedMethods(
  change: (cache: Cache, options: Parameters<typeof openCache>[0]) => Methods,
): typeof openCache {
  return (options) => {
    const cache = openCache(options);
    const own = change(cache, options);
    return new Proxy(cache, {
      get(target, name) {
        if (Object.hasOwn(own, name)) return own[name as keyof Cache];
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
}

/** Returns a connection that passes the caller's commands (`call`) through a function. */
export function replaceCalls(
  own: NonNullable<Cache['connection']>,
  through: (call: () => Promise<unknown>) => Promise<unknown>,
): NonNullable<Cache['connection']> {
  return new Proxy(own, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name !== 'call') return typeof value === 'function' ? value.bind(target) : value;
      return (...args: Parameters<typeof own.call>) => through(() => target.call(...args));
    },
  });
}

/** Returns an `openCache` whose connections pass the caller's commands through a function. */
export function withReplacedCalls(through: Parameters<typeof replaceCalls>[1]): typeof openCache {
  return withReplacedMethods(({ connection }) =>
    connection === undefined ? {} : { connection: replaceCalls(connection, through) },
  );
}

/**
 * Returns an `openCache` whose connections send none of the caller's commands after one of these commands has failed.
 */
export function withCallsDeadAfterFailure(): typeof openCache {
  let isDead = false;
  return withReplacedCalls(async (call) => {
    if (isDead) throw new Error('dead');
    return call().catch((error: unknown) => {
      isDead = true;
      throw error;
    });
  });
}

/** Returns an `openCache` whose connections send one in fifty of the caller's commands twice. */
export function withCallsSentTwice(): typeof openCache {
  let calls = 0;
  return withReplacedCalls(async (call) => {
    if (++calls % 50 === 0) await call();
    return call();
  });
}

/** Returns an `openCache` that calls the password function for the first connection only. */
export function withPasswordAskedOnce(): typeof openCache {
  return (options) => {
    const { password } = options;
    if (typeof password !== 'function') return openCache(options);
    let first: string | Promise<string> | undefined;
    return openCache({
      ...options,
      password: () => {
        first ??= password();
        return first;
      },
    });
  };
}

/** Returns an `openCache` whose caches acknowledge one in fifty writes with this durability without sending it. */
export function withUnsentWrites(isDurable: boolean): typeof openCache {
  return withReplacedMethods((cache) => {
    let sets = 0;
    return {
      set: async (key, value, options) =>
        (typeof options?.durability === 'object') === isDurable && ++sets % 50 === 0
          ? { source: 'redis', replicas: 1 }
          : cache.set(key, value, options),
    };
  });
}

/** Result of an operation; certain results make a faulty cache stop working. */
interface OperationResult {
  readonly tookMs: number;
  readonly error?: unknown;
}

/** Returns an `openCache` whose caches stop serving operations after one that ends with a fatal result. */
export function deadAfter(isFatal: (ended: OperationResult) => boolean): typeof openCache {
  return withReplacedMethods((cache) => {
    let isDead = false;
    const live = async <T>(act: () => Promise<T>): Promise<T> => {
      if (isDead) throw new Error('dead');
      const startedAt = performance.now();
      const since = () => performance.now() - startedAt;
      try {
        const result = await act();
        isDead ||= isFatal({ tookMs: since() });
        return result;
      } catch (error) {
        isDead ||= isFatal({ tookMs: since(), error });
        throw error;
      }
    };
    return {
      set: (...args) => live(() => cache.set(...args)),
      setMany: (...args) => live(() => cache.setMany(...args)),
      lookup: <T>(key: string) => live(() => cache.lookup<T>(key)),
      lookupMany: <T>(keys: readonly string[]) => live(() => cache.lookupMany<T>(keys)),
      getOrComputeEntry: (...args) => live(() => cache.getOrComputeEntry(...args)),
    };
  });
}

/** Adds the default state: a fault that must make the run a no-go. */
export function clientFault(fault: Omit<ClientFault, 'state'> & Partial<ClientFault>): ClientFault {
  return { state: 'FAIL', ...fault };
}
