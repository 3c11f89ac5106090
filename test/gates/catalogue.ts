/** Every fault of `faults/`, by the name of its file. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ServerFault } from './fault.ts';

const FOLDER = join(import.meta.dirname, 'faults');

export type Named<T> = T & { readonly id: string };

async function faultsIn<T>(folder: string): Promise<readonly Named<T>[]> {
  const files = readdirSync(join(FOLDER, folder))
    .filter((file) => file.endsWith('.ts'))
    .sort();
  return Promise.all(
    files.map(async (file) => {
      const { fault } = (await import(pathToFileURL(join(FOLDER, folder, file)).href)) as {
        readonly fault: T;
      };
      return { ...fault, id: file.replace(/\.ts$/, '') };
    }),
  );
}

export const serverFaults = await faultsIn<ServerFault>('server');
