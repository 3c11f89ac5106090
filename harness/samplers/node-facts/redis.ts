/**
 * Facts about a Redis node: every directive, every user, the commands in each ACL category and those that were renamed,
 * its role, and its place in a cluster.
 */
import type { Redis } from 'ioredis';
import { SECRET_DIRECTIVES } from '../../../infra/redis/conf/directive-values.ts';
import { parseInfo } from '../../../infra/redis/info.ts';
import type { Redaction } from './redaction.ts';
import { type Fields, userFields } from './rendered.ts';
import { type Command, pairsOf, type Reply, repliesOf, wordsOf } from './replies.ts';

/** One fact about a node: the observation's name and fields. */
export interface Fact {
  readonly name: string;
  readonly data: Fields;
}

/**
 * INFO fields that criteria read, and fields that identify the server. All other fields are counters, which are sampled
 * during the trials.
 */
const INFO_FIELDS = new Set(
  `redis_version valkey_version server_name redis_mode run_id tcp_port uptime_in_seconds role maxclients used_memory
  maxmemory maxmemory_policy mem_allocator loading aof_enabled aof_last_write_status aof_last_bgrewrite_status
  rdb_last_bgsave_status master_replid master_repl_offset repl_backlog_active repl_backlog_size connected_slaves
  min_slaves_good_slaves master_link_status master_host master_port slave_priority slave_read_only replica_announced
  cluster_enabled sentinel_tilt sentinel_simulate_failure_flags listener0 listener1 listener2`.split(/\s+/),
);

export interface Asking {
  readonly redaction: Redaction;
  /** Whether to collect all facts, or only those that may change between two trials. */
  readonly isComplete: boolean;
  readonly isCluster: boolean;
}

/** Returns the facts about a node. A refused command becomes the fact `refused`. @throws the connection's error */
export async function redisFacts(redis: Redis, asking: Asking): Promise<readonly Fact[]> {
  const { redaction, isCluster } = asking;
  const commands: readonly Command[] = [
    ['CONFIG', 'GET', '*'],
    ['ACL', 'LIST'],
    ['INFO'],
    ['ROLE'],
    ...(isCluster ? ([['CLUSTER', 'NODES']] as const) : []),
  ];
  const facts = await factsOf(redis, commands, (command, value) => {
    if (command === 'CONFIG GET') return { name: 'config', data: configFields(pairsOf(value), redaction) };
    if (command === 'ACL LIST') return { name: 'users', data: userFields(wordsOf(value), redaction) };
    if (command === 'INFO') return { name: 'info', data: infoFields(String(value)) };
    if (command === 'ROLE') return { name: 'role', data: roleFields(value) };
    return { name: 'cluster-nodes', data: clusterFields(String(value)) };
  });
  return asking.isComplete ? [...facts, ...(await commandFacts(redis))] : facts;
}

/** Returns INFO and ROLE as facts; every user of an external server may run these commands. */
export async function sharedFacts(redis: Redis): Promise<readonly Fact[]> {
  return factsOf(redis, [['INFO'], ['ROLE']], (command, value) =>
    command === 'INFO'
      ? { name: 'info', data: infoFields(String(value)) }
      : { name: 'role', data: roleFields(value) },
  );
}

/** Sends requests and records each reply as a fact. */
export async function factsOf(
  redis: Redis,
  commands: readonly Command[],
  factOf: (command: string, value: unknown) => Fact | readonly Fact[],
): Promise<readonly Fact[]> {
  const replies = await repliesOf(redis, commands);
  const named = commands.map((command) => command.slice(0, 2).join(' '));
  return replies.flatMap((reply: Reply, i): Fact | readonly Fact[] => {
    const command = named[i] ?? '';
    if (reply.ok) return factOf(command, reply.value);
    return { name: 'refused', data: { command, error: reply.error } };
  });
}

/** Returns the commands by ACL category, as the server reports them, and which of these commands it does not have. */
export async function commandFacts(redis: Redis): Promise<readonly Fact[]> {
  const [categories] = await repliesOf(redis, [['ACL', 'CAT']]);
  if (categories === undefined || !categories.ok) return [];
  const names = wordsOf(categories.value);
  const replies = await repliesOf(
    redis,
    names.map((name) => ['ACL', 'CAT', name] as const),
  );
  const data: Record<string, string> = {};
  for (const [i, name] of names.entries()) {
    const reply = replies[i];
    if (reply?.ok === true) data[name] = [...wordsOf(reply.value)].sort().join(' ');
  }
  return [{ name: 'classes', data }, ...(await absentCommands(redis, Object.values(data)))];
}

/**
 * Returns the commands that `rename-command` has renamed or removed. ACL CAT and COMMAND LIST contain the original names;
 * only COMMAND INFO looks a command up by the name under which clients call it. Containers cannot be renamed in part.
 */
async function absentCommands(redis: Redis, classes: readonly string[]): Promise<readonly Fact[]> {
  const listed = classes.flatMap((names) => names.split(' ')).filter((name) => name !== '');
  const commands = [...new Set(listed.map((name) => name.split('|', 1)[0] ?? name))].sort();
  if (commands.length === 0) return [];
  return factsOf(redis, [['COMMAND', 'INFO', ...commands]], (_command, value) => {
    const found = Array.isArray(value) ? (value as readonly unknown[]) : [];
    const absent = commands.filter((_name, i) => (found[i] ?? null) === null);
    return { name: 'absent-commands', data: { names: absent.join(' ') } };
  });
}

export function infoFields(text: string): Fields {
  return Object.fromEntries(Object.entries(parseInfo(text)).filter(([field]) => INFO_FIELDS.has(field)));
}

function configFields(pairs: readonly (readonly [string, string])[], redaction: Redaction): Fields {
  return Object.fromEntries(
    pairs.map(([name, value]) => [name, isSecret(name) ? redaction.digest(value) : value]),
  );
}

/** Whether a directive is a secret. `primaryauth` is Valkey's name for masterauth. */
function isSecret(name: string): boolean {
  return SECRET_DIRECTIVES.has(name) || name === 'primaryauth';
}

/** Parses the reply to ROLE: `[master, offset, replicas]` or `[slave, host, port, state, offset]`. */
function roleFields(value: unknown): Fields {
  const [role, ...rest] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  if (role === 'master') return { role: 'master', replicas: wordsOf(rest[1]).length };
  const [host, port, link] = rest.map(String);
  return { role: String(role), host: host ?? '', port: Number(port), link: link ?? '' };
}

/** Returns the lines of CLUSTER NODES by node id, without the ping times. */
function clusterFields(text: string): Fields {
  const fields: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const [id = '', address = '', flags = '', master = '', , , epoch = '', link = '', ...slots] = line
      .trim()
      .split(' ');
    if (id !== '') fields[id] = [address, flags, master, epoch, link, ...slots].join(' ');
  }
  return fields;
}
