/**
 * Collects facts about every node, its rendered files and its replies, so that criteria judge the running server and
 * not the file. Read-only; neither passwords nor their hashes are recorded (`redaction.ts`).
 *
 *   open ─▶ the rendered files, once ─▶ probe('start'), probe('between') after trials, probe('end')
 *
 * Each probe begins with the observation `probe`; the facts after it belong to it. A node that does not reply is
 * recorded as the fact `unanswered`. External servers receive only INFO and ROLE.
 */
import type { Environment, WatchdogStatus } from '../../../infra/substrates/environment.ts';
import { nodesOf, type TopologyNode, WATCHDOG_ID } from '../../../infra/topology.ts';
import type { SamplerContext } from '../sampler.ts';
import { plainText, portFields } from './ports.ts';
import { Redaction } from './redaction.ts';
import { type Asking, type Fact, redisFacts, sharedFacts } from './redis.ts';
import { type Fields, keptDirectives, renderedDirectives, userFields } from './rendered.ts';
import { sentinelFacts } from './sentinel.ts';
import { watchdogFacts } from './watchdog.ts';

/**
 * Point in the run at which the nodes are probed. Ports, commands and the watchdog are queried only at the start and at
 * the end.
 */
export type ProbeTime = 'start' | 'between' | 'end';

export interface NodeFacts {
  /** Queries every node once and returns those that did not reply. Never throws: a failed request is recorded. */
  probe(when: ProbeTime): Promise<readonly string[]>;
}

export interface NodeFactsContext extends SamplerContext {
  /** State of the watchdog before the run repaired it; recorded in the first probe unless it was running. */
  readonly watchdogBefore?: WatchdogStatus | undefined;
}

export async function openNodeFacts({
  environment,
  clock,
  recorder,
  watchdogBefore,
}: NodeFactsContext): Promise<NodeFacts> {
  const redaction = new Redaction();
  const record = (node: string | undefined, { name, data }: Fact) =>
    recorder.record({
      type: 'observe',
      from: 'node',
      name,
      ...(node !== undefined && { node }),
      atUs: clock.nowUs(),
      data,
    });
  for (const [node, files] of (await environment.rendered?.()) ?? []) {
    record(node, { name: 'rendered', data: renderedDirectives(files, redaction) });
    record(node, { name: 'rendered-users', data: userFields(files.users.split('\n'), redaction) });
  }
  let probes = 0;
  return {
    async probe(when) {
      probes += 1;
      record(undefined, { name: 'probe', data: { when, number: probes } });
      const asking: Asking = {
        redaction,
        isComplete: when !== 'between',
        isCluster: environment.cluster !== undefined,
      };
      const facts = await Promise.all(
        nodesOf(environment.topology).map(async (node) => ({
          node: node.id,
          facts: await factsOfNode(environment, node, asking),
        })),
      );
      for (const { node, facts: found } of facts) for (const fact of found) record(node, fact);
      const silent = facts.filter(({ facts: found }) => found.some(({ name }) => name === 'unanswered'));
      if (!asking.isComplete || environment.substrate === 'external') return silent.map(({ node }) => node);
      const before = when === 'start' ? watchdogBefore : undefined;
      for (const fact of await watchdogFacts(environment, before)) record(WATCHDOG_ID, fact);
      const configs = new Map(
        facts.map(({ node, facts: found }) => [node, found.find(({ name }) => name === 'config')?.data]),
      );
      const silentIds = new Set(silent.map(({ node }) => node));
      for (const { node, fact } of await portFacts(environment, configs, silentIds)) record(node, fact);
      return silent.map(({ node }) => node);
    },
  };
}

async function factsOfNode(
  environment: Environment,
  node: TopologyNode,
  asking: Asking,
): Promise<readonly Fact[]> {
  try {
    const admin = await environment.admin(node.id);
    if (environment.substrate === 'external') return await sharedFacts(admin);
    if (node.role === 'redis') return await redisFacts(admin, asking);
    const facts = await sentinelFacts(admin, environment.endpoints.serviceName, asking);
    return asking.isComplete ? [...facts, ...(await keptFacts(environment, node, asking))] : facts;
  } catch (error) {
    return [{ name: 'unanswered', data: { error: error instanceof Error ? error.message : String(error) } }];
  }
}

/** Returns the settings in the file that a sentinel keeps; nothing if it cannot be read. */
async function keptFacts(
  environment: Environment,
  { id }: TopologyNode,
  { redaction }: Asking,
): Promise<readonly Fact[]> {
  const conf = await environment.keptConf?.(id).catch(() => undefined);
  return conf === undefined ? [] : [{ name: 'kept', data: keptDirectives(conf, redaction) }];
}

/**
 * Returns facts about the port of each node, and, for a node with TLS, about its plain port if it has one: CONFIG SET
 * port can open a plain port in a running server.
 */
async function portFacts(
  environment: Environment,
  configs: ReadonlyMap<string, Fields | undefined>,
  silent: ReadonlySet<string>,
) {
  const isTls = environment.endpoints.tls !== undefined;
  const nodes = await environment.status().catch(() => []);
  const answering = nodes.filter(({ id }) => !silent.has(id));
  return Promise.all(
    answering.map(async ({ id, address }) => {
      const data = { ...(await portFields(address, isTls)) };
      const beside = Number(configs.get(id)?.port ?? 0);
      if (isTls && beside > 0) data.besides = await plainText({ host: address.host, port: beside });
      return { node: id, fact: { name: 'ports', data } };
    }),
  );
}
