/** Passwords of an environment, for tests that search for them in files that must not contain them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow } from '../../harness/evidence/run-folder.ts';

/** @param file `secrets.json` of an environment */
export function readPasswords(file: string): readonly string[] {
  const { redis, sentinel } = JSON.parse(readFileSync(file, 'utf8')) as Record<
    'redis' | 'sentinel',
    Readonly<Record<string, string>>
  >;
  return [...Object.values(redis), ...Object.values(sentinel)];
}

/** Files below the folder that contain one of them. */
export function filesContaining(folder: string, passwords: readonly string[]): readonly string[] {
  return filesBelow(folder).filter((path) => {
    const text = readFileSync(join(folder, path), 'latin1');
    return passwords.some((password) => text.includes(password));
  });
}
