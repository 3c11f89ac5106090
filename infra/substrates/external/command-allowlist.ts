/**
 * Commands that the kit is allowed to send to an external Redis. Pure. Tests enforce the list: in an external run, a
 * server receives only these commands, and only on keys with the prefix.
 */
import { isIPv4 } from 'node:net';
import { EXIT, KitError } from '../../../config/errors.ts';
import { EXTERNAL_TTL_SECONDS, type ExternalTarget } from '../../../config/external-target.ts';
import type { Address } from '../../topology.ts';

/**
 * Commands on keys, all of which start with the prefix. FCALL calls one of the client's own functions on one key, if
 * the server has them. If FCALL is denied, WATCH, MULTI and EXEC are used instead.
 */
const ON_KEYS = ['get', 'mget', 'set', 'unlink', 'exists', 'pttl', 'watch', 'fcall'] as const;
/**
 * Commands for the connection itself and for server identification. INFO may be denied: memory is then not measured.
 */
const ON_CONNECTION = ['multi', 'exec', 'unwatch', 'ping', 'role', 'info', 'client|setname'] as const;
/** Additional commands for a cluster: the slot owners, and access to a key whose slot is being migrated. */
const ON_CLUSTER = ['cluster|nodes', 'asking'] as const;

/** Load of the busiest drill. Tests compare it with the drills' rates and the server's command counters. */
export const EXTERNAL_LOAD = {
  /** Average rate; the schedule is a Poisson process, and a batch of 100 is sent at once. */
  commandsPerSecond: 600,
  commandsInBusiestSecond: 2_000,
  keys: 2_000,
  largestValueBytes: 16_384,
} as const;

/** Returns the ACL rule for a user with exactly the permissions that the kit needs. */
export function aclRule(prefix: string, mode?: ExternalTarget['mode']): string {
  const asked = [...ON_KEYS, ...ON_CONNECTION, ...(mode === 'cluster' ? ON_CLUSTER : [])];
  const commands = asked.map((command) => `+${command}`);
  return `resetkeys ~${prefix}* resetchannels -@all ${commands.join(' ')}`;
}

/** Describes the commands that will be sent. */
export function describeAllowlist(prefix: string): string {
  const { commandsPerSecond, commandsInBusiestSecond, keys, largestValueBytes } = EXTERNAL_LOAD;
  return (
    `only keys ${prefix}*, at most ${keys}, values up to ${largestValueBytes / 1024} KB, each with a TTL of at most ` +
    `${EXTERNAL_TTL_SECONDS} s and removed at the end; at most ${commandsPerSecond} commands per second ` +
    `(${commandsInBusiestSecond} in the busiest second); ` +
    'no fault, no CONFIG, no FLUSH, no SCAN'
  );
}

/** Returns whether the address is known to be this machine. A name that resolves to it does not count. */
export function isThisMachine({ host }: Address): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/**
 * Requires a confirmation for other hosts. @throws KitError `EXTERNAL_UNCONFIRMED` before anything is sent to a host
 */
export function requireConsent(addresses: readonly Address[], confirmed: boolean, prefix: string): void {
  const far = addresses.find((address) => !isThisMachine(address));
  if (far === undefined || confirmed) return;
  throw new KitError(`${far.host} is a remote host: load on it must be confirmed`, {
    code: 'EXTERNAL_UNCONFIRMED',
    exitCode: EXIT.USAGE,
    where: `${far.host}:${far.port}`,
    hint: `the run sends: ${describeAllowlist(prefix)}. To confirm: --yes`,
  });
}
