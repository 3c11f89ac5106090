/**
 * Before all tests: ensures a redis-server. It is found, or installed, by the code path that `kit up` uses, so that
 * `npm test` works on a machine without one and the first test does not spend the time. After all tests: records the
 * commit of the coverage.
 */
import { delimiter, dirname, resolve } from 'node:path';
import { findRedisBinary } from '../../infra/substrates/local/binary.ts';
import { stampCoverage } from './coverage-commit.ts';

/** vitest calls the returned function when everything has been written. */
export default async function setup(): Promise<() => void> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const { path, facts } = await findRedisBinary({ stateDir: resolve('.kit'), progress: say });
  // where only redis-tools is installed, redis-server is a link in .kit/bin: tests that name it find it there
  process.env.PATH = [process.env.PATH, dirname(path)].join(delimiter);
  say(`tests run against Redis ${facts.version} (${path})`);
  return stampCoverage(resolve('coverage/coverage-summary.json'), resolve('.'));
}
