/**
 * Passes configuration files to `conf lint` and to server binaries, and prints the differences.
 *
 *     npm run lint-truth -- --server /usr/bin/redis-server --probes probes.txt FOLDER FILE …
 *
 * Per server: false errors (the lint reports that the server does not start, but it starts) and missed errors (the
 * server rejects the file, and the lint does not report it), with the message of the server. Exit 0: no differences; 1:
 * differences; 2: invalid command line. See docs/conf-lint.md.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { formatServer, parseBanner, type ServerVersion } from '../../infra/redis/server-version.ts';
import {
  type Comparison,
  describeComparisons,
  firstRefusal,
  isFalseError,
  isMissedError,
  modeOf,
} from './compare.ts';
import { generateProbes } from './generate.ts';
import { type Input, readInputs, readProbes } from './inputs.ts';
import { canIsolate, startServer } from './start-server.ts';

const USAGE = `usage: npm run lint-truth -- --server BINARY [--server …] [--probes FILE …] [--generate] [FILE | FOLDER …]`;

interface Server {
  readonly binary: string;
  readonly version: ServerVersion;
}

function identify(binary: string): Server {
  const version = parseBanner(execFileSync(binary, ['--version'], { encoding: 'utf8' }));
  if (version === undefined)
    throw new Error(`${binary}: does not report that it is a redis-server or a valkey-server`);
  return { binary, version };
}

/** Number of concurrent processes. More would compete for the CPU cores and exceed the time limit. */
const WORKERS = 2;

async function compareAll(server: Server, inputs: readonly Input[]): Promise<readonly Comparison[]> {
  const found: Comparison[] = [];
  const queue = inputs.map((input, at) => ({ input, at }));
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { name, bytes } = next.input;
      const outcome = await startServer({ binary: server.binary, bytes, mode: modeOf(bytes) });
      found[next.at] = { name, outcome, refusal: firstRefusal(bytes, server.version) };
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  return found;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      server: { type: 'string', multiple: true, default: [] },
      probes: { type: 'string', multiple: true, default: [] },
      generate: { type: 'boolean', default: false },
    },
  });
  const isEmpty = positionals.length === 0 && values.probes.length === 0 && !values.generate;
  if (values.server.length === 0 || isEmpty) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  if (!canIsolate()) {
    process.stderr.write(
      'lint-truth needs Linux with unshare (util-linux), ip (iproute2) and user namespaces\n',
    );
    return 2;
  }
  const given = [...readInputs(positionals), ...values.probes.flatMap(readProbes)];
  let differences = 0;
  const inputs = values.generate ? [...given, ...generateProbes()] : given;
  for (const server of values.server.map(identify)) {
    const comparisons = await compareAll(server, inputs);
    differences += comparisons.filter((each) => isFalseError(each) || isMissedError(each)).length;
    process.stdout.write(
      `${describeComparisons(`${formatServer(server.version)} (${server.binary})`, comparisons)}\n`,
    );
  }
  return differences === 0 ? 0 : 1;
}

process.exitCode = await main();
