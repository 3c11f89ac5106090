/** Faults of the failover benchmark: what happens to the master, and how it is repaired afterwards. */
import { setTimeout as delay } from 'node:timers/promises';
import { poll } from '../../infra/host/wait.ts';
import { switchover } from '../../infra/operations/switchover.ts';
import type { Environment } from '../../infra/substrates/environment.ts';

const HANG_MS = 8_000;
const AGREED_MS = 30_000;

/** Injects the fault into the master `from`, and returns a function that repairs it. */
export type BenchFault = (environment: Environment, from: string) => Promise<() => Promise<void>>;

const nothing = async (): Promise<void> => {};

/**
 * Requests a failover from one sentinel after another, because a sentinel that is still busy with the last failover
 * refuses.
 */
async function failover(environment: Environment): Promise<void> {
  const { serviceName } = environment.endpoints;
  await until('a sentinel starts a failover', async () => {
    for (const { id } of environment.topology.sentinels) {
      const sentinel = await environment.admin(id);
      const accepted = await sentinel.call('SENTINEL', 'FAILOVER', serviceName).then(
        () => true,
        () => false,
      );
      if (accepted) return true;
    }
    return false;
  });
}

async function until(what: string, isDone: () => Promise<boolean>): Promise<void> {
  const last = await poll({ timeoutMs: AGREED_MS, intervalMs: 20 }, async () =>
    (await isDone()) ? { value: true } : { observed: false },
  );
  if ('observed' in last) throw new Error(`${what}: not within ${AGREED_MS} ms`);
}

async function kill(environment: Environment, id: string): Promise<() => Promise<void>> {
  await environment.capabilities.kill?.(id);
  return async () => environment.capabilities.start?.(id);
}

export const FAULTS: Readonly<Record<string, BenchFault>> = {
  'master-crash': kill,
  async 'master-hang'(environment, from) {
    const heal = await environment.capabilities.pause?.(from);
    await delay(HANG_MS);
    await heal?.();
    return nothing;
  },
  async 'planned-switch'(environment) {
    await switchover(environment);
    return nothing;
  },
  /** Sends SENTINEL FAILOVER while the master is healthy. */
  async 'forced-failover'(environment) {
    await failover(environment);
    return nothing;
  },
  /** The master dies; two seconds after the sentinels have switched, its healthy successor is replaced as well. */
  async 'double-failover'(environment, from) {
    const restart = await kill(environment, from);
    await until('the sentinels have switched', async () => {
      const master = await environment.masterId().catch(() => undefined);
      return master !== undefined && master !== from && (await namesOf(environment)).size === 1;
    });
    await delay(2_000);
    await failover(environment);
    return restart;
  },
};

/** Returns the masters that the sentinels report. */
async function namesOf(environment: Environment): Promise<ReadonlySet<string>> {
  const { serviceName } = environment.endpoints;
  const names = environment.topology.sentinels.map(async ({ id }) =>
    String(await (await environment.admin(id)).call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', serviceName)),
  );
  return new Set(await Promise.all(names));
}
