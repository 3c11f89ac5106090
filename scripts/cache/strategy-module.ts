/**
 * Loads the warming strategies of an application from a module.
 *
 *   export const strategies = [{ name: 'prices', generate: async () => [['price:1', 42]] }];
 *   export default (cache) => [...];          // or a function that receives the open cache
 *   export default defineExtension({ name: 'shop', strategies: [...] });   // or an extension module
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { WarmingStrategy } from '../../client/extras/warming/index.ts';
import type { Cache } from '../../client/index.ts';
import { KitError } from '../../config/errors.ts';

/**
 * Imports the module, which executes its code, and returns its strategies.
 *
 * @throws KitError `MODULE_INVALID` if it cannot be loaded, or exports no strategies
 */
export async function loadStrategies(file: string, cache: Cache): Promise<readonly WarmingStrategy[]> {
  const loaded: Record<string, unknown> = await import(pathToFileURL(resolve(file)).href).catch(
    (cause: unknown) => {
      throw invalidModule(file, `cannot be loaded: ${(cause as Error).message}`, cause);
    },
  );
  const part = (loaded.default as { readonly strategies?: unknown } | undefined)?.strategies;
  return strategiesOf(file, loaded.strategies ?? part ?? loaded.default, cache);
}

/**
 * Returns the strategies that a module exports.
 *
 * @param file path of the module, for errors
 * @param exported a list of strategies, or a function that takes the cache and returns a list
 * @throws KitError `MODULE_INVALID`
 */
export async function strategiesOf(
  file: string,
  exported: unknown,
  cache: Cache,
): Promise<readonly WarmingStrategy[]> {
  const list: unknown = typeof exported === 'function' ? await callModule(file, exported, cache) : exported;
  if (!Array.isArray(list) || list.length === 0) {
    const what = exported === undefined ? 'has no such export' : 'exports none';
    throw invalidModule(file, `must export strategies (a list, or a function of the cache), ${what}`);
  }
  return list as readonly WarmingStrategy[];
}

async function callModule(file: string, make: object, cache: Cache): Promise<unknown> {
  try {
    return await (make as (of: Cache) => unknown)(cache);
  } catch (error) {
    throw invalidModule(file, `failed: ${(error as Error).message}`, error);
  }
}

function invalidModule(file: string, problem: string, cause?: unknown): KitError {
  return new KitError(`the module ${problem}`, {
    code: 'MODULE_INVALID',
    where: file,
    hint: "export const strategies = [{ name: 'prices', generate: () => [['price:1', 42]] }]",
    cause,
  });
}
