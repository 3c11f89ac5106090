/**
 * Checks an external Redis before anything is created: whether each server is a Redis master in the given mode, and
 * whether this user has the rights that the drills need. Each common mistake has its own error.
 *
 * consent ─▶ sentinels report the master, a cluster its masters ─▶ connect to each ─▶ HELLO (mode, role, version)
 * ─▶ one key written, read and removed
 */
import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { EXIT, KitError } from '../../../config/errors.ts';
import type { ExternalTarget } from '../../../config/external-target.ts';
import { keySlot } from '../../redis/cluster-slots.ts';
import { type Address, CLUSTER_SLOTS, type SlotRange } from '../../topology.ts';
import { type ClusterMaster, mastersOf } from './cluster.ts';
import { aclRule, requireConsent } from './command-allowlist.ts';
import { combineFailures, connectTo, lacksCommand } from './connection.ts';

export interface ReachableRedis {
  /** One master, or all masters of a cluster, ordered by their first slot. */
  readonly masters: readonly ClusterMaster[];
  readonly version: string;
  readonly server: string;
}

const PROBE_TTL_MS = 10_000;

/**
 * Checks an external Redis and leaves nothing on it. @throws KitError `EXTERNAL_…` with the mistake, its location and
 * the remedy
 */
export async function checkExternal(target: ExternalTarget, prefix: string): Promise<ReachableRedis> {
  requireConsent(target.addresses, target.confirmed, prefix);
  const masters = await currentMasters(target);
  requireConsent(
    masters.map(({ address }) => address),
    target.confirmed,
    prefix,
  );
  const who: { version: string; server: string }[] = [];
  for (const { address, slots } of masters) {
    const redis = await connectTo(target, address);
    try {
      who.push(await sayHello(redis, address, target.mode));
      await requireRights(redis, address, prefix, target.mode, slots);
    } finally {
      redis.disconnect();
    }
  }
  const [first] = who;
  if (first === undefined) throw new TypeError('no node accepts writes, but no error was thrown');
  return { masters, ...first };
}

/** Returns the masters that accept writes now. */
export async function currentMasters(target: ExternalTarget): Promise<readonly ClusterMaster[]> {
  if (target.mode === 'cluster') return mastersOf(target);
  const address = await masterOf(target);
  return [{ id: 'redis-1', address, announced: address, slots: [[0, CLUSTER_SLOTS - 1]] }];
}

/**
 * Returns the address of the single server or, with sentinels, of the master that the first replying sentinel reports.
 */
export async function masterOf(target: ExternalTarget): Promise<Address> {
  const { addresses, mode, serviceName } = target;
  const [first] = addresses as readonly [Address];
  if (mode === 'standalone') return first;
  const failures: KitError[] = [];
  for (const address of addresses) {
    let sentinel: Redis;
    try {
      sentinel = await connectTo(target, address, 'sentinel');
    } catch (error) {
      if (!(error instanceof KitError)) throw error;
      failures.push(error);
      continue;
    }
    try {
      const named = await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', serviceName);
      if (Array.isArray(named)) return { host: String(named[0]), port: Number(named[1]) };
      throw preflightError('EXTERNAL_SERVICE', `monitors no master '${serviceName}'`, address, {
        hint: 'set --service-name to a name from SENTINEL MASTERS',
      });
    } catch (error) {
      if (error instanceof KitError) throw error;
      const { message } = error as Error;
      throw /unknown command/i.test(message)
        ? preflightError('EXTERNAL_NO_SENTINEL', 'is a Redis server, not a sentinel', address, {
            hint: `use --url redis://${address.host}:${address.port}`,
          })
        : preflightError('EXTERNAL_NOPERM', `does not report the master: ${message}`, address, {
            hint: 'grant the sentinel user (REDIS_SENTINEL_USERNAME) +sentinel|get-master-addr-by-name, +sentinel|master and +subscribe',
          });
    } finally {
      sentinel.disconnect();
    }
  }
  throw combineFailures(failures);
}

/** Sends HELLO, which every user may send. */
async function sayHello(
  redis: Redis,
  address: Address,
  mode: ExternalTarget['mode'],
): Promise<Omit<ReachableRedis, 'masters'>> {
  const reply = await redis.call('HELLO', '2').catch((error: Error) => error);
  if (reply instanceof Error || !Array.isArray(reply)) {
    throw preflightError('EXTERNAL_TOO_OLD', `sent an unexpected reply to HELLO: ${String(reply)}`, address, {
      hint: 'the kit requires the HELLO command: use Redis 6 or newer, or a compatible server',
    });
  }
  const field = (name: string) => String(reply[reply.indexOf(name) + 1]);
  const at = `${address.host}:${address.port}`;
  if (field('mode') === 'sentinel') {
    throw preflightError('EXTERNAL_SENTINEL', 'is a sentinel and holds no data', address, {
      hint: `--sentinels ${at}`,
    });
  }
  if (field('mode') === 'cluster' && mode !== 'cluster') {
    throw preflightError(
      'EXTERNAL_CLUSTER',
      'is a node of a Redis Cluster: most keys would be redirected (MOVED)',
      address,
      {
        hint: `use --cluster ${at}`,
      },
    );
  }
  if (field('role') !== 'master') {
    throw preflightError('EXTERNAL_REPLICA', 'is a replica and rejects writes (READONLY)', address, {
      hint: 'use the master (see INFO replication), or its sentinels with --sentinels',
    });
  }
  return { version: field('version'), server: field('server') };
}

/**
 * Runs every command of the drills once on a temporary key, so that missing rights are reported now and all at once.
 */
async function requireRights(
  redis: Redis,
  address: Address,
  prefix: string,
  mode: ExternalTarget['mode'],
  slots: readonly SlotRange[],
): Promise<void> {
  const key = keyWithin(slots, `${prefix}preflight:`);
  const denied: string[] = [];
  const absent: string[] = [];
  const failed: string[] = [];
  const ask = async (...[command, ...args]: readonly [string, ...(string | number)[]]) => {
    try {
      await redis.call(command, ...args);
    } catch (error) {
      const { message } = error as Error;
      if (message.startsWith('NOPERM')) denied.push(command);
      else if (lacksCommand(message)) absent.push(command);
      else failed.push(message);
    }
  };
  await ask('SET', key, 'preflight', 'PX', PROBE_TTL_MS);
  await ask('GET', key);
  await ask('MGET', key);
  await ask('EXISTS', key);
  await ask('PTTL', key);
  await ask('WATCH', key);
  await ask('UNWATCH');
  await ask('MULTI');
  await ask('EXEC');
  await ask('UNLINK', key);
  if (denied.length > 0) {
    throw preflightError('EXTERNAL_NOPERM', `denies this user ${denied.join(', ')} on ${prefix}*`, address, {
      hint: `ACL SETUSER kit on >… ${aclRule(prefix, mode)}`,
    });
  }
  if (absent.length > 0) {
    throw preflightError('EXTERNAL_COMMAND', `has no command ${absent.join(', ')}`, address, {
      hint: 'remove their rename-command lines: the client and the drills require these commands (docs/external.md)',
    });
  }
  const [first] = failed;
  if (first !== undefined) {
    throw preflightError('EXTERNAL_REFUSED', `currently rejects writes: ${first}`, address, {
      hint: 'repair the server first',
      exitCode: EXIT.UNKNOWN,
    });
  }
}

/** Returns an unused key in a slot that the server has. */
function keyWithin(slots: readonly SlotRange[], start: string): string {
  for (;;) {
    const key = `${start}${randomBytes(8).toString('hex')}`;
    const slot = keySlot(key);
    if (slots.some(([first, last]) => first <= slot && slot <= last)) return key;
  }
}

function preflightError(
  code: string,
  what: string,
  { host, port }: Address,
  more: { readonly hint: string; readonly exitCode?: 3 },
): KitError {
  return new KitError(`the server ${what}`, { code, where: `${host}:${port}`, ...more });
}
