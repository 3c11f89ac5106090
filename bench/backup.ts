/**
 * `npm run bench -- backup [megabytes] [--seconds n] [--save FILE]`: how long `kit backup` and `kit restore` take, and
 * the latency of the master meanwhile.
 *
 *   dev with that much data ─▶ load alone, during a backup, alone again, during a backup from the master ─▶ restore
 *
 * The load is an open loop of 500 commands per second, half GET and half SET of 100 bytes: the latency of a command is
 * measured from its intended start. `late` is the part of the latency that the load generator causes: the delay until
 * the command is sent. The kit runs in its own process. `seconds`: duration of a phase without a backup. Default: 1,000
 * MB, 30 s.
 */
import { randomBytes } from 'node:crypto';
import { statSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Redis } from 'ioredis';
import { loadEnvironment } from '../config/load.ts';
import { largestOf, quantileOf, sortAscending } from '../harness/statistics/quantile.ts';
import { openTemporaryDir } from '../infra/host/death-guard.ts';
import { runProgram } from '../infra/host/process.ts';
import { waitWhile } from '../infra/host/wait.ts';
import { settleRoles } from '../infra/operations/roles.ts';
import { versionOf } from '../infra/redis/running-server.ts';
import { formatServer } from '../infra/redis/server-version.ts';
import type { Environment } from '../infra/substrates/environment.ts';
import { localSubstrate } from '../infra/substrates/local/substrate.ts';
import { planTopology } from '../infra/topology.ts';

const KIT = resolve('scripts/kit.ts');
const PER_SECOND = 500;
const VALUE_BYTES = 1_000;
const BATCH = 2_000;
/** Pause before each phase, in ms, so that the effects of the previous phase have ended. */
const SETTLE_MS = 3_000;
const KIT_TIMEOUT_MS = 3_600_000;
const IDLE_TIMEOUT_MS = 600_000;

interface Phase {
  readonly title: string;
  readonly seconds: number;
  readonly latenciesMs: readonly number[];
  readonly lateMs: readonly number[];
  readonly errors: number;
}

const { values: options, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '30' }, save: { type: 'string' } },
});
const megabytes = Number(positionals[0] ?? 1_000);
const quietMs = Number(options.seconds) * 1_000;
if (!(megabytes > 0 && quietMs > 0)) {
  process.stderr.write('usage: npm run bench -- backup [megabytes] [--seconds n] [--save FILE]\n');
  process.exit(2);
}
const keys = Math.ceil((megabytes * 1e6) / VALUE_BYTES);

const dev = loadEnvironment('dev');
// Twice the size of the data, so that nothing is evicted; a restore needs the same amount.
const maxmemory = Math.max(dev.redis.maxmemory, megabytes * 2e6);
const config = { ...dev, name: 'bench-backup', redis: { ...dev.redis, maxmemory } };

/** Writes the keys. Values are random, so that snapshots cannot compress them. */
async function fill(admin: Redis): Promise<void> {
  const redis = admin.duplicate({ commandTimeout: 30_000 });
  await redis.connect();
  for (let first = 0; first < keys; first += BATCH) {
    const batch = redis.pipeline();
    for (let n = first; n < Math.min(first + BATCH, keys); n += 1)
      batch.set(`key:${n}`, randomBytes(VALUE_BYTES));
    // Waits for the replicas: one that falls behind the backlog would need a full synchronization.
    batch.wait(2, 10_000);
    const failed = (await batch.exec())?.find(([error]) => error !== null)?.[0];
    if (failed) throw failed;
  }
  redis.disconnect();
}

/** Waits until no node is writing a snapshot or rewriting its append-only file. Writing the keys triggers both. */
async function awaitIdle(environment: Environment): Promise<void> {
  const wait = { what: 'the snapshots and rewrites to end', timeoutMs: IDLE_TIMEOUT_MS, intervalMs: 500 };
  await waitWhile(wait, async () => {
    for (const { id } of environment.topology.redis) {
      const info = await (await environment.admin(id)).info('persistence');
      const busy = /(rdb_bgsave|aof_rewrite)_in_progress:1|aof_rewrite_scheduled:1/.exec(info)?.[0];
      if (busy !== undefined) return `${id}: ${busy}`;
    }
    return undefined;
  });
}

/** Generates load on the master until the operation ends. */
async function measure(title: string, redis: Redis, operation: () => Promise<unknown>): Promise<Phase> {
  await sleep(SETTLE_MS);
  const [latenciesMs, lateMs]: [number[], number[]] = [[], []];
  const value = randomBytes(100);
  let errors = 0;
  const send = async (n: number, intended: number) => {
    lateMs.push(performance.now() - intended);
    const key = `load:${n % 1_000}`;
    await (n % 2 === 0 ? redis.set(key, value) : redis.get(key)).catch(() => {
      errors += 1;
    });
    latenciesMs.push(performance.now() - intended);
  };
  let hasEnded = false;
  const started = performance.now();
  const ending = operation().finally(() => {
    hasEnded = true;
  });
  const sent: Promise<void>[] = [];
  while (!hasEnded) {
    for (let due = started + (sent.length * 1_000) / PER_SECOND; due <= performance.now(); ) {
      sent.push(send(sent.length, due));
      due = started + (sent.length * 1_000) / PER_SECOND;
    }
    await sleep(1);
  }
  const seconds = (performance.now() - started) / 1_000;
  await Promise.all([ending, ...sent]);
  return { title, seconds, latenciesMs, lateMs, errors };
}

/** Runs a command of the kit; returns its duration in seconds. */
async function kit(...args: readonly string[]): Promise<number> {
  const started = performance.now();
  const { exitCode, stderr } = await runProgram({
    command: process.execPath,
    args: [KIT, ...args, '--env', file],
    env: { KIT_STATE_DIR: stateDir },
    timeoutMs: KIT_TIMEOUT_MS,
  });
  if (exitCode !== 0) throw new Error(`kit ${args.join(' ')} ended with ${exitCode}: ${stderr.trim()}`);
  return (performance.now() - started) / 1_000;
}

function rowOf({ title, seconds, latenciesMs, lateMs, errors }: Phase): string {
  const [sorted, late] = [sortAscending(latenciesMs), sortAscending(lateMs)];
  const figures = [
    quantileOf(sorted, 0.5),
    quantileOf(sorted, 0.99),
    quantileOf(late, 0.99),
    largestOf(latenciesMs),
  ];
  const cells = [title, `${seconds.toFixed(1)} s`, latenciesMs.length, errors];
  return `| ${[...cells, ...figures.map((ms) => `${ms.toFixed(1)} ms`)].join(' | ')} |`;
}

using temporary = openTemporaryDir(join(tmpdir(), 'kit-backup-'));
const stateDir = temporary.path;
const file = join(stateDir, 'environment.yaml');
const archives = [join(stateDir, 'from-replica.tar'), join(stateDir, 'from-master.tar')] as const;
writeFileSync(file, JSON.stringify(config));
await using environment = await localSubstrate({ stateDir }).apply(planTopology(config), {
  ephemeral: true,
});
const admin = await environment.admin(await settleRoles(environment));
const { family, version } = await versionOf(admin);
await fill(admin);
await awaitIdle(environment);
const quiet = () => sleep(quietMs);
const phases = [
  await measure('no backup', admin, quiet),
  await measure('`kit backup`', admin, () => kit('backup', '--to', archives[0])),
  await measure('no backup', admin, quiet),
  await measure('`kit backup --from-master`', admin, () =>
    kit('backup', '--from-master', '--to', archives[1]),
  ),
];
const restored = await kit('restore', archives[0], '--yes', '--no-copy');
const load = loadavg()[0]?.toFixed(1);
const text = [
  '# Backup and restore: duration, and latency of the master',
  '',
  `\`npm run bench -- backup ${megabytes}\`: ${keys} keys with values of ${VALUE_BYTES} random bytes in \`dev\` as local`,
  `processes, ${formatServer({ family, version })}, Node ${process.versions.node}, ${availableParallelism()} cores (load average ${load} at the end).`,
  `${PER_SECOND} commands per second on the master, open loop: a latency counts from the intended start.`,
  '"Late" is the part of the load generator: its delay until it sends a command.',
  '',
  '| phase | took | commands | errors | p50 | p99 | late p99 | longest |',
  '|---|--:|--:|--:|--:|--:|--:|--:|',
  ...phases.map(rowOf),
  '',
  `The archive has ${(statSync(archives[0]).size / 1e6).toFixed(0)} MB. \`kit restore\`, with its check and its comparison of every`,
  `key: ${restored.toFixed(1)} s, without load.`,
  '',
].join('\n');
process.stdout.write(text);
if (options.save !== undefined) writeFileSync(options.save, text);
