/**
 * Parts of extension modules that run in threads: clients and generated workloads. Functions cannot be passed to a
 * thread, so the thread loads the module again and finds the part by its name.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { GeneratedWorkload } from './generated.ts';
import type { CacheClient } from './module-client.ts';
import type { PartSource } from './part-source.ts';

interface Parts {
  readonly clients: CacheClient;
  readonly workloads: GeneratedWorkload;
}

/**
 * Loads a part of a module.
 *
 * @throws Error if the file is not the one that the command loaded, or does not have the part
 */
export async function loadPart<P extends keyof Parts>(
  { url, path, sha256 }: PartSource,
  part: P,
  name: string,
): Promise<Parts[P]> {
  const now = createHash('sha256')
    .update(readFileSync(new URL(url)))
    .digest('hex');
  if (now !== sha256)
    throw new Error(`module ${path}: its file was changed during the run; run the command again`);
  const module = (await import(url)) as {
    readonly default: { readonly [K in keyof Parts]?: readonly Parts[K][] };
  };
  const found = module.default[part]?.find((each) => each.name === name);
  if (found === undefined) throw new Error(`module ${path}: ${part} has no '${name}' when a thread loads it`);
  return found;
}
