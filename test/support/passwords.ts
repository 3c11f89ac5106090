/** Every password of an environment, for tests that look for them where none may be. */
import { readFileSync } from 'node:fs';

/** @param file `secrets.json` of an environment */
export function passwordsIn(file: string): readonly string[] {
  const { redis, sentinel } = JSON.parse(readFileSync(file, 'utf8')) as Record<
    'redis' | 'sentinel',
    Readonly<Record<string, string>>
  >;
  return [...Object.values(redis), ...Object.values(sentinel)];
}
