/**
 * Measures what a failover costs the client: 500 asynchronous and 100 durable writes per second over one connection
 * each, in an open loop, on one master, two replicas and three sentinels.
 *
 *   npm run bench -- failover <fault> [rounds] [down-after in ms] [interval between PINGs of the sentinels in ms]
 *
 * Prints one line of JSON per round, with times in ms. `gapMs`: longest time between two acknowledgements. `lost`:
 * acknowledged keys that the final master does not have. `electedMs` (the last `+elected-leader`) is counted from the
 * fault, all later times from the election.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../../client/index.ts';
import { loadEnvironment } from '../../config/load.ts';
import { waitWhile } from '../../infra/host/wait.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import { localSubstrate } from '../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../infra/topology.ts';
import { FailoverEvents } from './events.ts';
import { FAULTS } from './faults.ts';
import { BenchWriter } from './writer.ts';

const RATE = 500;
const DURABLE_RATE = 100;
const BEFORE_MS = 2_500;
const AFTER_MS = 4_000;

const [name = '', rounds = '5', downAfterMs = '1000', pingMs] = process.argv.slice(2);
const fault = FAULTS[name];
if (!fault) {
  process.stderr.write(
    `usage: npm run bench -- failover <${Object.keys(FAULTS).join('|')}> [rounds] [down-after in ms] [PING interval in ms]\n`,
  );
  process.exit(2);
}

const dev = loadEnvironment('dev');
const topology = planTopology({
  ...dev,
  redis: { ...dev.redis, minReplicasToWrite: 0 },
  sentinel: { ...dev.sentinel, downAfterMs: Number(downAfterMs) },
});
const stateDir = mkdtempSync(join(tmpdir(), 'kit-bench-'));
try {
  for (let round = 0; round < Number(rounds); round++) {
    const substrate = localSubstrate({ stateDir });
    await using environment = await substrate.apply(topology, { ephemeral: true });
    process.stdout.write(`${JSON.stringify({ fault: name, ...(await measure(environment)) })}\n`);
  }
} finally {
  rmSync(stateDir, { recursive: true, force: true });
}

function open(environment: Environment): ReturnType<typeof connect> {
  const { endpoints } = environment;
  return connect({
    mode: 'sentinel',
    sentinels: endpoints.sentinels,
    serviceName: endpoints.serviceName,
    username: endpoints.app.username,
    password: endpoints.app.password.reveal(),
    sentinelUsername: endpoints.sentinel.username,
    sentinelPassword: endpoints.sentinel.password.reveal(),
  });
}

async function measure(environment: Environment): Promise<Readonly<Record<string, unknown>>> {
  const [connection, durable] = [open(environment), open(environment)];
  if (pingMs !== undefined) await pingEvery(environment, pingMs);
  await using events = await FailoverEvents.start(environment);
  await Promise.all([connection.call('PING'), durable.call('PING')]);
  const namespace = `${dev.client.namespace}:bench`;
  const writer = new BenchWriter(connection, `${namespace}:a`, RATE);
  const durableWriter = new BenchWriter(durable, `${namespace}:d`, DURABLE_RATE, {
    replicas: 1,
    timeoutMs: 1000,
  });
  await delay(BEFORE_MS);
  const from = await environment.masterId();
  if (from === undefined) throw new Error('no master');
  const at = performance.now();
  const repair = await fault?.(environment, from);
  await delay(AFTER_MS);
  await repair?.();
  await settled(environment);
  await Promise.all([writer.stop(), durableWriter.stop()]);
  const to = (await environment.masterId()) as string;
  const electedAt = events.last('+elected-leader') ?? Number.NaN;
  const after = (time: number | undefined): number | undefined => time && Math.round(time - electedAt);
  const moved = writer.acknowledgements.filter(({ sentAt }) => sentAt >= electedAt);
  const result = {
    gapMs: Math.round(writer.gapMs),
    lost: await lost(environment, to, writer),
    durableGapMs: Math.round(durableWriter.gapMs),
    durableLost: await lost(environment, to, durableWriter),
    durableAgainMs: after(durableWriter.acknowledgements.find(({ sentAt }) => sentAt >= electedAt)?.at),
    errors: Object.fromEntries(writer.errors),
    durableErrors: Object.fromEntries(durableWriter.errors),
    elections: events.seen.filter(({ channel }) => channel === '+elected-leader').length,
    attemptedMs: after(events.last('+try-failover')),
    electedMs: Math.round(electedAt - at),
    promotedMs: after(events.masterSince(to)),
    switchedMs: after(events.first('+switch-master', electedAt)),
    firstAckAfterElectionMs: after(moved[0]?.at),
    load: Number(loadavg()[0]?.toFixed(1)),
  };
  await Promise.all([connection.close(), durable.close()]);
  return result;
}

/** Sets the PING interval of the sentinels. Requires Redis 7.0; a restart of the sentinel resets it. */
async function pingEvery(environment: Environment, ms: string): Promise<void> {
  for (const { id } of environment.topology.sentinels)
    await (await environment.admin(id)).call('SENTINEL', 'DEBUG', 'PING-PERIOD', ms);
}

/** Waits until all nodes follow one master, and the sentinels agree. */
async function settled(environment: Environment): Promise<void> {
  await waitWhile({ what: 'one master with two replicas', timeoutMs: 60_000, intervalMs: 100 }, async () => {
    const master = await environment.masterId();
    if (master === undefined) return 'not exactly one master';
    const role = (await (await environment.admin(master)).call('ROLE')) as readonly unknown[];
    const replicas = (role[2] as readonly unknown[]).length;
    return replicas === environment.topology.redis.length - 1 ? undefined : `${replicas} replicas`;
  });
}

/** Returns the number of acknowledged keys that the node does not have. */
async function lost(environment: Environment, id: string, writer: BenchWriter): Promise<number> {
  const node = await environment.admin(id);
  let missing = 0;
  for (let i = 0; i < writer.acknowledgements.length; i += 500) {
    const keys = writer.acknowledgements.slice(i, i + 500).map(({ key }) => key);
    missing += (await node.mget(...keys)).filter((value) => value === null).length;
  }
  return missing;
}
