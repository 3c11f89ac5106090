/**
 * Before all tests, ensures that there is a redis-server. The code of `kit up` finds or installs the server, so
 * `npm test` works on a machine without one, and the first test does not include the installation time. After all
 * tests, records the commit of the coverage.
 */
import { delimiter, dirname, resolve } from 'node:path';
import { findRedisBinary } from '../../infra/substrates/local/binary.ts';
import { stampCoverage } from './coverage-commit.ts';

/** vitest calls the returned function after all results are written. */
export default async function setup(): Promise<() => void> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const { path, facts } = await findRedisBinary({ stateDir: resolve('.kit'), progress: say });
  // If only redis-tools is installed, redis-server is a link in .kit/bin. Tests that start it by name need the folder
  // in PATH.
  process.env.PATH = [process.env.PATH, dirname(path)].join(delimiter);
  say(`tests run against Redis ${facts.version} (${path})`);
  return stampCoverage(resolve('coverage/coverage-summary.json'), resolve('.'));
}
