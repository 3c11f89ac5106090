/** Every fault of `faults/`, by the name of its file. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ClientFault } from './client-fault.ts';
import type { ServerFault } from './fault.ts';

const FOLDER = join(import.meta.dirname, 'faults');

export type Named<T> = T & { readonly id: string };

/** URL of the file of a fault. */
export function moduleUrl(folder: string, id: string): URL {
  return pathToFileURL(join(FOLDER, folder, `${id}.ts`));
}

async function loadFaults<T>(folder: string): Promise<readonly Named<T>[]> {
  const files = readdirSync(join(FOLDER, folder))
    .filter((file) => file.endsWith('.ts'))
    .sort();
  return Promise.all(
    files.map(async (file) => {
      const id = file.replace(/\.ts$/, '');
      const { fault } = (await import(moduleUrl(folder, id).href)) as { readonly fault: T };
      return { ...fault, id };
    }),
  );
}

export const clientFaults = await loadFaults<ClientFault>('client');
export const serverFaults = await loadFaults<ServerFault>('server');
