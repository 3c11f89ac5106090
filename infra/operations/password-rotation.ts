/**
 * Rotates the passwords of a running environment without rejecting any client: for some time, every node accepts two
 * passwords.
 *
 *   begin    generate ─▶ every node accepts both ─▶ the new ones are current ─▶ the nodes themselves log in with them
 *   finish   the nodes themselves log in with the current ones ─▶ every node refuses the previous ones ─▶ delete them
 *   cancel   the previous ones are current again ─▶ finish
 *
 * Each change is written to the files of a node before a command applies it to the node, so that a restart keeps the
 * change. Every step can be repeated, and the password file records the last completed step, so an interrupted rotation
 * can continue. Left out: applications. They must read the new password before `finish`.
 */
import type { Redis } from 'ioredis';
import { EXIT, KitError } from '../../config/errors.ts';
import { environmentFlags } from '../../config/load.ts';
import {
  ROTATABLE_USERS,
  type RotatedUsers,
  type Rotation,
  usersNamed,
} from '../../config/password-rotation.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { waitWhile } from '../host/wait.ts';
import { type RotatedAccount, rotatedAccounts } from '../redis/conf/acl.ts';
import { fieldsOf } from '../redis/reply.ts';
import { describeRoles } from '../redis/role-state.ts';
import type { Environment, NodeStatus, PasswordStore } from '../substrates/environment.ts';
import { nodesOf, type TopologyNode } from '../topology.ts';
import { failoverBoundMs, readRoles } from './roles.ts';

export const ROTATION_STEPS = ['all', 'begin', 'finish', 'cancel'] as const;
export type RotationStep = (typeof ROTATION_STEPS)[number];

export interface RotationOptions {
  readonly step: RotationStep;
  /** Names of the users; undefined for all users, or for those in the rotation in progress. */
  readonly users?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: (line: string) => void;
}

export interface RotationReport {
  /** State of the rotation. `both`: the previous passwords are still valid. */
  readonly state: 'both' | 'finished' | 'cancelled';
  readonly users: RotatedUsers;
  readonly startedAt: string;
  /** Whether the command continued a rotation that an earlier command began. */
  readonly continued: boolean;
  /** Nodes that are not running; only their files were changed. */
  readonly stopped: readonly string[];
  /**
   * Number of connections that each rotated user has open on the Redis nodes, and how many of them are older than the
   * rotation and therefore logged in with the previous password. Redis keeps them open, and does not report which
   * password a connection used.
   */
  readonly connections: readonly UserConnections[];
  readonly tookMs: number;
}

export interface UserConnections {
  readonly user: string;
  readonly open: number;
  readonly older: number;
}

/**
 * @throws KitError `ROTATION_UNSUPPORTED`; `ROTATION_REFUSED` if a node is paused, the step does not fit the state, or
 *   the named users are not those in the rotation in progress (nothing was changed); `ROTATION_INCOMPLETE` if a step
 *   failed (running the same command again continues the rotation)
 */
export async function rotatePasswords(
  environment: Environment,
  options: RotationOptions,
): Promise<RotationReport> {
  const startMs = performance.now();
  const { passwords } = environment;
  if (passwords === undefined) throw unsupported(environment);
  const before = passwords.rotation();
  const users = requireFitting(environment, before, options);
  const nodes = await requireReachable(environment);
  const run = new RotationRun(environment, passwords, nodes, options);
  try {
    await run.take(options.step, before, users);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw passwords.rotation() === undefined ? error : incomplete(environment, error);
  }
  const ended = { all: 'finished', begin: 'both', finish: 'finished', cancel: 'cancelled' } as const;
  return {
    state: ended[options.step],
    users,
    startedAt: run.startedAt,
    continued: before !== undefined,
    stopped: nodes.stopped.map(({ id }) => id),
    connections: await run.connections(users),
    tookMs: Math.round(performance.now() - startMs),
  };
}

interface Nodes {
  readonly running: readonly TopologyNode[];
  readonly stopped: readonly TopologyNode[];
  /** Addresses (`host:port`) of the running nodes, as the sentinels report them. */
  readonly addresses: ReadonlySet<string>;
}

class RotationRun {
  readonly #environment: Environment;
  readonly #passwords: PasswordStore;
  readonly #nodes: Nodes;
  readonly #options: RotationOptions;
  startedAt = '';

  constructor(environment: Environment, passwords: PasswordStore, nodes: Nodes, options: RotationOptions) {
    this.#environment = environment;
    this.#passwords = passwords;
    this.#nodes = nodes;
    this.#options = options;
  }

  async take(step: RotationStep, before: Rotation | undefined, users: RotatedUsers): Promise<void> {
    await this.#awaitStableRoles();
    if (before === undefined) this.#passwords.begin(users);
    this.startedAt = this.#passwords.rotation()?.startedAt ?? '';
    switch (step) {
      case 'begin':
        return this.#begin();
      case 'all':
        await this.#begin();
        return this.#removeOther();
      case 'finish':
        await this.#useCurrent();
        return this.#removeOther();
      case 'cancel':
        // An interrupted `finish` may already have removed previous passwords.
        await this.#acceptBoth();
        if (before?.phase === 'both') this.#passwords.switch();
        await this.#useCurrent();
        return this.#removeOther();
    }
  }

  async #begin(): Promise<void> {
    await this.#acceptBoth();
    if (this.#passwords.rotation()?.phase === 'adding') this.#passwords.switch();
    await this.#useCurrent();
  }

  async #acceptBoth(): Promise<void> {
    this.#next('every node accepts both passwords');
    await this.#passwords.writeFiles('both');
    await this.#forEachAccount(async (redis, { user, current, other }) => {
      await redis.call('ACL', 'SETUSER', user, `#${current}`, `#${other}`);
    });
  }

  /** Makes the nodes, the exporter and the watchdog use the current passwords for their own connections. */
  async #useCurrent(): Promise<void> {
    this.#next('the nodes log in with the current passwords');
    await this.#awaitStableRoles();
    await this.#passwords.writeFiles('both');
    const { redis, sentinel } = this.#passwords.secrets();
    for (const { id, role } of this.#nodes.running) {
      this.#options.signal?.throwIfAborted();
      const node = await this.#environment.admin(id);
      if (role === 'redis') {
        await node.call('CONFIG', 'SET', 'masterauth', redis.replication.reveal());
        continue;
      }
      // The sentinels are changed one after the other, because a change closes the connections of a sentinel and a
      // majority must keep monitoring the master.
      const { serviceName } = this.#environment.endpoints;
      await node.call('SENTINEL', 'SET', serviceName, 'auth-pass', redis.sentinel.reveal());
      await node.call('SENTINEL', 'CONFIG', 'SET', 'sentinel-pass', sentinel.peer.reveal());
      await this.#awaitLinks(id);
    }
    await this.#passwords.renewParts();
  }

  async #removeOther(): Promise<void> {
    this.#next('every node refuses the other passwords');
    await this.#passwords.writeFiles('current');
    await this.#forEachAccount(async (redis, { user, other }) => {
      // Redis refuses to remove a password that a user does not have.
      if ((await passwordsOf(redis, user))?.includes(other)) {
        await redis.call('ACL', 'SETUSER', user, `!${other}`);
      }
    });
    this.#passwords.end();
  }

  /** Counts the connections of the rotated users on the Redis nodes. */
  async connections(users: RotatedUsers): Promise<readonly UserConnections[]> {
    const elapsedSeconds = (Date.now() - Date.parse(this.startedAt)) / 1_000;
    const lists = this.#nodes.running
      .filter(({ role }) => role === 'redis')
      .map(async ({ id }) => String(await (await this.#environment.admin(id)).call('CLIENT', 'LIST')));
    // A node that has just stopped has no connections.
    const texts = (await Promise.allSettled(lists)).map((list) =>
      list.status === 'fulfilled' ? list.value : '',
    );
    const all = texts.flatMap((text) => text.split('\n')).map(clientOf);
    return users.redis.map((user) => {
      const own = all.filter((client) => client.user === user);
      return { user, open: own.length, older: own.filter(({ age }) => age > elapsedSeconds).length };
    });
  }

  async #forEachAccount(change: (redis: Redis, account: RotatedAccount) => Promise<void>): Promise<void> {
    for (const { id, role } of this.#nodes.running) {
      this.#options.signal?.throwIfAborted();
      const redis = await this.#environment.admin(id);
      for (const account of rotatedAccounts(role, this.#passwords.secrets())) {
        // ACL SETUSER would create a missing user, such as the watchdog user in an environment without a watchdog.
        if ((await passwordsOf(redis, account.user)) !== undefined) await change(redis, account);
      }
    }
  }

  /** Waits until no failover is in progress, because a sentinel that leads a failover must keep its connections. */
  async #awaitStableRoles(): Promise<void> {
    const { topology } = this.#environment;
    if (topology.sentinels.length === 0) return;
    const wait = { timeoutMs: failoverBoundMs(topology), intervalMs: 100, signal: this.#options.signal };
    await waitWhile({ what: 'the sentinels and nodes to agree on one master', ...wait }, async () => {
      const state = await readRoles(this.#environment);
      return state.kind === 'stable' ? undefined : describeRoles(state);
    });
  }

  /** Waits until the sentinel has re-established its links to the running nodes. */
  async #awaitLinks(id: string): Promise<void> {
    const { serviceName } = this.#environment.endpoints;
    const what = `${id} to connect to the other nodes with the current passwords`;
    const { signal } = this.#options;
    await waitWhile({ what, timeoutMs: LINK_TIMEOUT_MS, signal }, async () => {
      const sentinel = await this.#environment.admin(id);
      const rows = async (kind: string) =>
        ((await sentinel.call('SENTINEL', kind, serviceName)) as readonly unknown[]).map(fieldsOf);
      const master = fieldsOf(await sentinel.call('SENTINEL', 'MASTER', serviceName));
      const peers = [master, ...(await rows('REPLICAS')), ...(await rows('SENTINELS'))];
      const broken = peers.find(
        (peer) =>
          this.#nodes.addresses.has(`${peer.get('ip')}:${peer.get('port')}`) &&
          (/s_down|disconnected/.test(peer.get('flags') ?? '') || peer.get('last-ping-sent') !== '0'),
      );
      return broken && `${broken.get('ip')}:${broken.get('port')} has the flags ${broken.get('flags')}`;
    });
  }

  #next(line: string): void {
    this.#options.signal?.throwIfAborted();
    this.#options.progress?.(line);
  }
}

/**
 * Timeout, in ms, for a sentinel to re-establish its links. A sentinel reconnects within 0.1 s and pings once per
 * second; a failover during this time adds several seconds.
 */
const LINK_TIMEOUT_MS = 30_000;

/** Returns the hashes of a user's passwords; undefined if the node has no such user. */
async function passwordsOf(redis: Redis, user: string): Promise<readonly string[] | undefined> {
  const reply = (await redis.call('ACL', 'GETUSER', user)) as readonly unknown[] | null;
  if (reply === null) return undefined;
  return reply[reply.indexOf('passwords') + 1] as readonly string[];
}

function clientOf(line: string): { readonly user: string | undefined; readonly age: number } {
  return { user: / user=(\S+)/.exec(line)?.[1], age: Number(/ age=(\d+)/.exec(line)?.[1] ?? 0) };
}

/** Checks that the step fits the state. @throws KitError `ROTATION_REFUSED` */
function requireFitting(
  { name, topology }: Environment,
  rotation: Rotation | undefined,
  { step, users: names }: RotationOptions,
): RotatedUsers {
  const named = names && usersNamed(names, topology.sentinels.length > 0);
  const config = topology.environment;
  if (rotation === undefined) {
    if (step === 'finish' || step === 'cancel') {
      throw refused(
        `no rotation of passwords is in progress in '${name}'`,
        `${rotateCommand(config)} begins one`,
      );
    }
    const users = named ?? usersNamed(ROTATABLE_USERS, topology.sentinels.length > 0);
    if (users.redis.length + users.sentinel.length > 0) return users;
    throw refused(`'${name}' has no sentinels, and no user ${names?.join(', ')}`, 'name another user');
  }
  const list = describeUsers(rotation.users);
  if (named !== undefined && describeUsers(named) !== list) {
    throw refused(
      `a rotation of ${list} is in progress in '${name}'`,
      `finish it first: ${rotateCommand(config, 'finish')}`,
    );
  }
  if (step === 'finish' && rotation.phase === 'adding') {
    throw refused(
      `the rotation of ${list} in '${name}' was interrupted before all nodes accepted the new passwords`,
      `${rotateCommand(config, 'begin')} continues the rotation, and --phase cancel reverts it`,
    );
  }
  return rotation.users;
}

/** Checks the nodes. @throws KitError `ROTATION_REFUSED` if a node is paused and therefore cannot be changed */
async function requireReachable(environment: Environment): Promise<Nodes> {
  const statuses = await environment.status();
  const stateOf = new Map(statuses.map(({ id, state }) => [id, state]));
  const paused = statuses.find(({ state }) => state === 'paused');
  if (paused !== undefined) {
    throw refused(
      `${paused.id} is paused and would keep its passwords`,
      `kit up ${environmentFlags(environment.topology.environment)} resumes it`,
    );
  }
  const all = nodesOf(environment.topology);
  const addressOf = ({ address, announced }: NodeStatus) => announced ?? address;
  return {
    running: all.filter(({ id }) => stateOf.get(id) === 'running'),
    stopped: all.filter(({ id }) => stateOf.get(id) !== 'running'),
    addresses: new Set(
      statuses
        .filter(({ state }) => state === 'running')
        .map(addressOf)
        .map(({ host, port }) => `${host}:${port}`),
    ),
  };
}

/** Lists the names of the users as `--user` accepts them: `app, replication`. */
export function describeUsers({ redis, sentinel }: RotatedUsers): string {
  return [...new Set<string>([...redis, ...sentinel])].join(', ');
}

/** Formats the command for use in hints; the environment may also be given as a YAML file. */
export function rotateCommand(config: EnvironmentConfig, step?: RotationStep): string {
  return `kit rotate ${environmentFlags(config)}${step === undefined ? '' : ` --phase ${step}`}`;
}

/** Describes a rotation in progress, for `kit status`. */
export function describeRotation(config: EnvironmentConfig, { phase, startedAt, users }: Rotation): string {
  const next =
    phase === 'adding'
      ? `interrupted: ${rotateCommand(config, 'begin')} continues it`
      : `the nodes accept two passwords until ${rotateCommand(config, 'finish')}`;
  return `rotation of the passwords of ${describeUsers(users)} since ${startedAt}; ${next}`;
}

const refused = (message: string, hint: string): KitError =>
  new KitError(message, { code: 'ROTATION_REFUSED', exitCode: EXIT.NO_GO, hint });

const unsupported = ({ name, substrate }: Environment): KitError =>
  new KitError(`passwords of '${name}' cannot be rotated on substrate ${substrate}`, {
    code: 'ROTATION_UNSUPPORTED',
    exitCode: EXIT.NO_GO,
    hint: 'see docs/runbook.md, "Password rotation"',
  });

function incomplete({ name }: Environment, cause: unknown): KitError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new KitError(`the password rotation in '${name}' is incomplete: ${why}`, {
    code: 'ROTATION_INCOMPLETE',
    exitCode: EXIT.UNKNOWN,
    hint: 'every node accepts the current passwords; the same command continues the rotation, and --phase cancel reverts it',
    cause,
  });
}
