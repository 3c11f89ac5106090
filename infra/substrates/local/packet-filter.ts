/**
 * Separates nodes on this machine with a packet filter: drops packets between the addresses of two groups of nodes, and
 * no other packets. Every node has its own address, which is also the source of its connections (`bind-source-addr`).
 *
 * The rules are in a table owned by a program that this process keeps alive through a pipe (`nft -i`, `flags owner`):
 * the kernel removes the table when the program ends, and the program ends when the pipe closes. So no rule outlives
 * this process, even if it is killed, and a crash leaves nothing to clean up.
 */
import { readFileSync } from 'node:fs';
import { EXIT, KitError } from '../../../config/errors.ts';
import { tailOf } from '../../host/private-files.ts';
import { type Daemon, isInstalled, runProgram, startDaemon } from '../../host/process.ts';
import { waitWhile } from '../../host/wait.ts';
import type { Heal } from '../environment.ts';

export interface Separation {
  /** Addresses of the nodes to separate. */
  readonly group: readonly string[];
  /** Addresses of all other nodes. */
  readonly others: readonly string[];
  /** Whether clients, which have other addresses, still reach the group. */
  readonly clientsStillReach: boolean;
  /** Log file for the output of the program that holds the rules. */
  readonly logPath: string;
}

const EFFECT_TIMEOUT_MS = 5_000;

let tables = 0;

/**
 * Whether this process may change the packet filter: the capability CAP_NET_ADMIN (root), and nft on the search path.
 */
export function mayFilterPackets(): boolean {
  return hasNetAdmin() && isInstalled('nft');
}

/** Bit of CAP_NET_ADMIN in the capability sets of /proc/<pid>/status (capabilities(7)). */
const CAP_NET_ADMIN = 12n;

function hasNetAdmin(): boolean {
  try {
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n;
  } catch {
    // Without /proc this is not Linux, the only system with nft.
    return false;
  }
}

/** Returns once the rules are in effect. Healing the fault returns once they are removed. */
export async function separate(separation: Separation): Promise<Heal> {
  tables += 1;
  const table = `kit_${process.pid}_${tables}`;
  const holder = startDaemon({
    command: 'nft',
    args: ['-i'],
    cwd: '/',
    logPath: separation.logPath,
    stdin: 'pipe',
  });
  holder.write(rulesOf(table, separation));
  const end = async () => {
    holder.tell('');
    await awaitEnd(holder);
  };
  try {
    await awaitRules(table, holder, separation.logPath);
    return end;
  } catch (error) {
    await end();
    throw error;
  }
}

/** Returns the rules. Packets are dropped on arrival, so that they appear lost to the sender, as in a network. */
export function rulesOf(table: string, { group, others, clientsStillReach }: Separation): string {
  const inside = `{ ${group.join(', ')} }`;
  const outside = clientsStillReach ? `{ ${others.join(', ')} }` : `!= ${inside}`;
  return [
    `add table ip ${table} { flags owner; }`,
    `add chain ip ${table} cut { type filter hook input priority 0; }`,
    `add rule ip ${table} cut ip saddr ${outside} ip daddr ${inside} drop`,
    `add rule ip ${table} cut ip saddr ${inside} ip daddr ${outside} drop`,
    '',
  ].join('\n');
}

function awaitRules(table: string, holder: Daemon, logPath: string): Promise<void> {
  const what = 'the packet filter to separate the nodes';
  return waitWhile({ what, timeoutMs: EFFECT_TIMEOUT_MS, intervalMs: 10 }, async () => {
    if (!holder.running) {
      throw new KitError(`nft exited before its rules were in effect; ${tailOf(logPath)}`, {
        code: 'FAULT_FAILED',
        exitCode: EXIT.UNKNOWN,
      });
    }
    const { stdout } = await runProgram({ command: 'nft', args: ['list', 'table', 'ip', table] });
    return stdout.match(/ drop$/gm)?.length === 2 ? undefined : `its table has ${stdout || 'no rules'}`;
  });
}

async function awaitEnd(holder: Daemon): Promise<void> {
  const what = 'the packet filter to reconnect the nodes';
  await waitWhile({ what, timeoutMs: EFFECT_TIMEOUT_MS, intervalMs: 5 }, async () =>
    holder.running ? 'nft runs' : undefined,
  );
}
