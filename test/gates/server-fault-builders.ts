/** Builders for server faults: a directive, a sentinel option, an ACL rule, or a rendered setting. */
import type { Redis } from 'ioredis';
import { fieldsOf } from '../../infra/redis/reply.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import { waitUntil } from '../support/redis-process.ts';
import type { LiveFault, RenderedFault } from './fault.ts';

type Common = Pick<LiveFault, 'what' | 'criterion' | 'remedy'> &
  Partial<Pick<LiveFault, 'drills' | 'group' | 'isTimed'>>;

const CONFIGURATION = ['configuration'];
const SERVICE = 'mymaster';

function liveFault(common: Common, plant: LiveFault['plant']): LiveFault {
  return { kind: 'live', state: 'FAIL', drills: CONFIGURATION, group: 'sentinels', ...common, plant };
}

/** Plants any change to the environment. */
export function changeFault(common: Common, plant: LiveFault['plant']): LiveFault {
  return liveFault(common, plant);
}

/** Plants a `CONFIG SET` on one node. */
export function directiveFault(
  common: Omit<Common, 'remedy'> & {
    readonly node: string;
    readonly set: Readonly<Record<string, string>>;
    /** Value of the first directive in the rendered file, as the remedy names it. */
    readonly rendered?: string;
    readonly remedy?: readonly string[];
  },
): LiveFault {
  const { node, set, rendered, remedy, ...rest } = common;
  const [[name, value] = ['', '']] = Object.entries(set);
  const words = rendered === undefined ? [] : [`${node}: ${name} is '${value}', rendered '${rendered}'`];
  return liveFault({ ...rest, remedy: [...words, ...(remedy ?? [])] }, async (environment) => {
    const admin = await connectAdmin(environment, node);
    const before: [string, string][] = [];
    for (const [directive, planted] of Object.entries(set)) {
      const [, was = ''] = (await admin.config('GET', directive)) as string[];
      before.push([directive, was]);
      await admin.config('SET', directive, planted);
    }
    return async () => {
      // The planted value may have closed the first connection.
      const healing = await connectAdmin(environment, node);
      for (const [directive, was] of before) await healing.config('SET', directive, was);
    };
  });
}

/** Plants a `SENTINEL SET` on `sentinel-2`. */
export function sentinelOptionFault(
  common: Omit<Common, 'remedy'> & {
    readonly option: string;
    readonly value: string;
    readonly rendered: string;
  },
): LiveFault {
  const { option, value, rendered, ...rest } = common;
  const remedy = ['sentinel-2: ', `${option} is '${value}', rendered '${rendered}'`];
  return liveFault({ ...rest, remedy }, async (environment) => {
    const sentinel = await environment.admin('sentinel-2');
    await sentinel.call('SENTINEL', 'SET', SERVICE, option, value);
    return async () => void (await sentinel.call('SENTINEL', 'SET', SERVICE, option, rendered));
  });
}

/** Plants an `ACL SETUSER` on one node; to heal it, the node loads its ACL file again. */
export function aclFault(
  common: Common & { readonly node: string; readonly user: string; readonly rules: readonly string[] },
): LiveFault {
  const { node, user, rules, ...rest } = common;
  return liveFault(rest, async (environment) => {
    await (await connectAdmin(environment, node)).call('ACL', 'SETUSER', user, ...rules);
    return async () => void (await (await connectAdmin(environment, node)).call('ACL', 'LOAD'));
  });
}

/** Plants a setting in the environment file so that a rendered file is wrong. */
export function renderedFault(
  fault: Pick<RenderedFault, 'what' | 'criterion' | 'remedy' | 'settings'> &
    Partial<Pick<RenderedFault, 'drills' | 'isTimed'>>,
): RenderedFault {
  return { kind: 'rendered', state: 'FAIL', drills: CONFIGURATION, ...fault };
}

/** Returns a working connection. ACL LOAD closes the connections of the users that it changes. */
export async function connectAdmin(environment: Environment, node: string): Promise<Redis> {
  let open: Redis | undefined;
  await waitUntil(`an answer of ${node}`, async () => {
    const admin = await environment.admin(node);
    const answered = await admin.ping().then(
      () => true,
      () => false,
    );
    if (answered) open = admin;
    return answered;
  });
  if (open === undefined) throw new Error(`there is no connection to ${node}`);
  return open;
}

/** Makes one node a replica of another. */
export async function makeReplicaOf(environment: Environment, node: string, master: string): Promise<void> {
  const { host = '', port = 0 } = (await environment.status()).find(({ id }) => id === master)?.address ?? {};
  await (await connectAdmin(environment, node)).replicaof(host, port);
}

/** Makes the node a replica of the master again, and waits until its link is up. */
export async function awaitReplica(environment: Environment, node: string): Promise<void> {
  await waitUntil(`${node} to have its link to the master`, async () => {
    const nodes = await environment.status();
    const masters = (await listRoles(environment)).filter(
      ({ id, role }) => role[0] === 'master' && id !== node,
    );
    const master = nodes.find(({ id }) => id === masters[0]?.id);
    if (master === undefined || masters.length !== 1) return false;
    const [role, host, port, link] = (await (
      await connectAdmin(environment, node)
    ).call('ROLE')) as readonly unknown[];
    const isItsReplica = role === 'slave' && host === master.address.host && port === master.address.port;
    if (!isItsReplica) await makeReplicaOf(environment, node, master.id);
    return isItsReplica && link === 'connected';
  });
}

async function listRoles(environment: Environment) {
  return Promise.all(
    environment.topology.redis.map(async ({ id }) => ({
      id,
      role: (await (await connectAdmin(environment, id)).call('ROLE')) as readonly unknown[],
    })),
  );
}

/** Parses a flat list of names and values, such as the reply to SENTINEL MASTER; empty for an error. */
export const parseFields = (reply: unknown): ReadonlyMap<string, string> =>
  Array.isArray(reply) ? fieldsOf(reply) : new Map();
