/** Passwords of an environment, for tests that search for them in files that must not contain them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow } from '../../harness/evidence/run-folder.ts';

type Groups = Readonly<Record<'redis' | 'sentinel', Readonly<Record<string, string>>>>;

/** @param file `secrets.json` of an environment */
export function readPasswords(file: string): readonly string[] {
  const { redis, sentinel, rotation } = JSON.parse(readFileSync(file, 'utf8')) as Groups & {
    readonly rotation?: Groups;
  };
  const groups = [redis, sentinel, rotation?.redis, rotation?.sentinel];
  return groups.flatMap((group) => Object.values(group ?? {}));
}

/** Files below the folder that contain one of them. */
export function filesContaining(folder: string, passwords: readonly string[]): readonly string[] {
  return filesBelow(folder).filter((path) => {
    const text = readFileSync(join(folder, path), 'latin1');
    return passwords.some((password) => text.includes(password));
  });
}
