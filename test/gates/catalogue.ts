/** Every fault in a `faults/` folder. The file name is the id of the fault. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ClientFault } from './client-fault.ts';
import type { ServerFault } from './fault.ts';

/**
 * Suites: faults for the drills of the quick profile, which CI runs, and faults for the drills that only the full
 * profile has.
 */
export type Suite = '.' | 'full';

export type Named<T> = T & { readonly id: string };

function folderOf(suite: Suite, side: string): string {
  return join(import.meta.dirname, suite, 'faults', side);
}

/** URL of the module that contains a client fault. */
export function clientModuleUrl(id: string, suite: Suite): URL {
  return pathToFileURL(join(folderOf(suite, 'client'), `${id}.ts`));
}

async function loadFaults<T>(folder: string): Promise<readonly Named<T>[]> {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .sort();
  return Promise.all(
    files.map(async (file) => {
      const { fault } = (await import(pathToFileURL(join(folder, file)).href)) as { readonly fault: T };
      return { ...fault, id: file.replace(/\.ts$/, '') };
    }),
  );
}

export const clientFaultsOf = (suite: Suite) => loadFaults<ClientFault>(folderOf(suite, 'client'));
export const serverFaultsOf = (suite: Suite) => loadFaults<ServerFault>(folderOf(suite, 'server'));

export const clientFaults = await clientFaultsOf('.');
export const serverFaults = await serverFaultsOf('.');
