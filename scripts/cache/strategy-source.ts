/** Sources of the strategies for `kit warm`: one module, or the extension modules of kit.yaml. */
import type { WarmingStrategy } from '../../client/extras/warming/index.ts';
import type { Cache } from '../../client/index.ts';
import { KitError } from '../../config/errors.ts';
import { PROJECT_FILE } from '../../config/project.ts';
import { useModules } from '../extensions.ts';
import { loadStrategies, strategiesOf } from './strategy-module.ts';

export interface StrategySource {
  /** Path of the module or modules, for errors. */
  readonly where: string;
  /** Loads the strategies. @throws KitError `MODULE_INVALID` */
  readonly load: (cache: Cache) => Promise<readonly WarmingStrategy[]>;
}

/**
 * @param file module given with `--module`; if undefined, the modules in kit.yaml that have strategies
 * @throws KitError `MODULE_MISSING` if no module has strategies; `EXTENSION_INVALID` if a module in kit.yaml is invalid
 */
export async function findStrategies(file: string | undefined): Promise<StrategySource> {
  if (file !== undefined) return { where: file, load: (cache) => loadStrategies(file, cache) };
  const modules = (await useModules({ module: [] })).filter(
    ({ extension }) => extension.strategies !== undefined,
  );
  const paths = modules.map(({ identity }) => identity.path);
  if (modules.length === 0) {
    throw new KitError('no module with warming strategies', {
      code: 'MODULE_MISSING',
      where: PROJECT_FILE,
      hint: 'pass --module FILE, or list a module with `strategies` under modules (docs/extensions.md)',
    });
  }
  return {
    where: paths.join(', '),
    async load(cache) {
      const owners = new Map<string, string>();
      const all: WarmingStrategy[] = [];
      for (const { identity, extension } of modules) {
        for (const strategy of await strategiesOf(identity.path, extension.strategies, cache)) {
          requireNewName(owners, strategy.name, identity.path);
          all.push(strategy);
        }
      }
      return all;
    },
  };
}

/** Refuses a name that is already in use, because a second strategy with the same name would replace the first one. */
function requireNewName(owners: Map<string, string>, name: string, path: string): void {
  const owner = owners.get(name);
  if (owner !== undefined) {
    throw new KitError(`the strategy '${name}' already exists: it is part of ${owner}`, {
      code: 'MODULE_INVALID',
      where: path,
      hint: 'give every strategy a unique name',
    });
  }
  owners.set(name, path);
}
