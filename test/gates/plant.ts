/** Shared by planted clients: the client's own `openCache`, with some methods of the cache replaced. */
import { type Cache, openCache } from '../../client/index.ts';
import type { ClientFault } from './client-fault.ts';

type Methods = { readonly [Name in keyof Cache]?: Cache[Name] };

/** An `openCache` whose caches have other methods. */
export function planted(
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

type Common = Omit<ClientFault, 'state' | 'environment'> & Partial<ClientFault>;

/** A fault that must make the run a no-go; by default on one node. */
export function clientFault(fault: Common): ClientFault {
  return { state: 'FAIL', environment: 'single', ...fault };
}
