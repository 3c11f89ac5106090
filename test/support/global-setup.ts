/**
 * Before any test: is there a redis-server? Found, or installed, by the code path that `kit up` uses, so that `npm test` works
 * on a bare machine and the first test does not pay for it.
 */
import { resolve } from 'node:path';
import { findRedisBinary } from '../../infra/local/binary.ts';

export default async function setup(): Promise<void> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const { path, facts } = await findRedisBinary({ stateDir: resolve('.kit'), progress: say });
  say(`tests run against Redis ${facts.version} (${path})`);
}
