/** Connects a command to the rollout of an environment or of an external Redis, in the canary's database. */
import { Option } from 'commander';
import { patternCacheOptions } from '../../canary/index.ts';
import type { Cache } from '../../client/index.ts';
import { type CanaryConfig, loadCanary } from '../../config/canary.ts';
import { openCacheData } from '../cache/cache-data.ts';
import type { DataOptions } from '../cache/data-options.ts';
import * as common from '../options.ts';

export interface CanaryDataOptions extends DataOptions {
  readonly config?: string;
}

export const configOption = () =>
  new Option('--config <file>', "settings of the canary (default: the kit's config/canary.yaml)").argParser(
    common.nonEmpty,
  );

export interface CanaryData extends AsyncDisposable {
  /** Name of the environment, or the addresses of the external Redis. */
  readonly name: string;
  readonly cache: Cache;
  readonly config: CanaryConfig;
}

/**
 * Opens the rollout. @throws the same errors as `openCacheData`; KitError `CONFIG_INVALID` if the settings are invalid
 */
export async function openCanaryData(options: CanaryDataOptions): Promise<CanaryData> {
  const config = loadCanary(options.config);
  const data = await openCacheData(options);
  const { db } = options;
  const cache = data.openCache({
    ...patternCacheOptions(data.mode, config, options.namespace ?? data.settings.namespace),
    ...(db !== undefined && { db }),
  });
  return {
    name: data.name,
    cache,
    config,
    async [Symbol.asyncDispose]() {
      await cache.close();
      await data[Symbol.asyncDispose]();
    },
  };
}
