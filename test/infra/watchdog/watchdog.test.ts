/** The watchdog as a process with real nodes: what it changes, and what it does not change. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readRoles, settleRoles } from '../../../infra/operations/roles.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology, WATCHDOG_ID } from '../../../infra/topology.ts';
import { waitUntil } from '../../support/redis-process.ts';
import { configuration, type StateDir, temporaryStateDir } from '../substrates/local/fixtures.ts';

let state: StateDir;
let environment: Environment;
beforeAll(async () => {
  state = temporaryStateDir();
  const config = configuration('watchdog');
  environment = await localSubstrate({ stateDir: state.path }).apply(
    planTopology({ ...config, sentinel: { ...config.sentinel, pingPeriodMs: 250 } }),
    { ephemeral: true },
  );
});
afterAll(async () => {
  await environment?.[Symbol.asyncDispose]();
  state?.[Symbol.dispose]();
});

const log = () => readFileSync(environment.logs.get(WATCHDOG_ID) ?? '', 'utf8');
const stable = () => settleRoles(environment);
const isReplica = async (id: string) =>
  (await (await environment.admin(id)).info('replication')).includes('role:slave');

/** A demotion closes the node's connections, including the one that this query uses. */
const awaitReplica = (id: string) =>
  waitUntil(`${id} to be a replica`, () => isReplica(id).catch(() => false));

/**
 * Hangs the master until another master is stable. @returns the id of the previous master, and the function that heals
 * the fault
 */
async function deposeMaster(): Promise<{ readonly former: string; readonly heal: () => Promise<void> }> {
  const former = await stable();
  const heal = (await environment.capabilities.pause?.(former)) ?? (async () => undefined);
  await waitUntil('a failover', async () => {
    const roles = await readRoles(environment);
    return roles.kind === 'stable' && roles.master !== former;
  });
  return { former, heal };
}

it('the watchdog connects from its own address, so a partition can isolate it like a node', async () => {
  const [first] = await environment.status();
  const own = first?.address.host === '127.0.0.1' ? '127.0.0.1' : first?.address.host.replace(/\d+$/, '21');
  const addresses = async () => {
    const list = String(await (await environment.admin('redis-1')).call('CLIENT', 'LIST'));
    return list
      .split('\n')
      .flatMap((line) => (/ user=watchdog( |$)/.test(line) ? [/ addr=([\d.]+)/.exec(line)?.[1]] : []));
  };
  await waitUntil('a connection of the watchdog', async () => (await addresses()).length > 0);
  expect(new Set(await addresses())).toEqual(new Set([own]));
});

it('the watchdog turns a master that returns after a failover into a replica of the new master', async () => {
  const { former, heal } = await deposeMaster();
  await heal();
  await waitUntil('the report of the watchdog', () => log().includes(`${former} was deposed`));
  await awaitReplica(former);
  expect(log()).toContain(`it now replicates ${await stable()}`);
});

it('the watchdog does not demote a replica that Sentinel promotes while its master is healthy', async () => {
  const former = await stable();
  const before = log();
  const sentinel = await environment.admin('sentinel-1');
  // The failover is refused until the sentinel has queried the replicas of the master.
  const begin = () =>
    sentinel.call('SENTINEL', 'FAILOVER', 'mymaster').then(
      () => true,
      () => false,
    );
  await waitUntil('a failover to begin', begin);
  await waitUntil('another master', async () => {
    const roles = await readRoles(environment);
    return 'master' in roles && roles.master !== former;
  });
  const promoted = await stable();
  await awaitReplica(former);
  expect(log().slice(before.length)).not.toContain(`${promoted} was deposed`);
  expect(await isReplica(promoted)).toBe(false);
});

it('the watchdog sets the ping period of a sentinel again after the sentinel restarts', async () => {
  const pingPeriod = async () => {
    const reply = (await (await environment.admin('sentinel-2')).call('SENTINEL', 'DEBUG')) as string[];
    return reply[reply.findIndex((word) => /^ping-period$/i.test(word)) + 1];
  };
  await waitUntil('the ping period', async () => (await pingPeriod()) === '250');
  await environment.capabilities.kill?.('sentinel-2');
  await environment.capabilities.start?.('sentinel-2');
  await waitUntil('the ping period after the restart', async () => (await pingPeriod()) === '250');
});

it('the watchdog is not needed for a failover, and demotes no node while it hangs', async () => {
  const resume = await environment.capabilities.pause?.(WATCHDOG_ID);
  const before = log();
  const { former, heal } = await deposeMaster();
  await heal();
  await waitUntil('the return of the deposed master', async () => {
    const returned = await readRoles(environment);
    return returned.kind === 'deposed-master' && returned.deposed.join() === former;
  });
  expect(log()).toBe(before);
  await resume?.();
  await waitUntil('the report of the watchdog', () =>
    log().slice(before.length).includes(`${former} was deposed`),
  );
  await awaitReplica(former);
});

it('the watchdog exits with the environment, and is started again after a crash', async () => {
  await environment.capabilities.kill?.(WATCHDOG_ID);
  expect(await stable()).toBeDefined();
  const before = log();
  await environment.capabilities.start?.(WATCHDOG_ID);
  await waitUntil('the start of the watchdog', () => log().length > before.length);
});
