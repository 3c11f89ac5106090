/**
 * Failover times that follow from the nodes' configuration: the time until a master counts as down, and the time after
 * which an election without a winner is retried. Figures: `detectionMs` (the shortest) and `electionRetryMs` (the
 * longest, from the loss of the master).
 */
import type { CheckContext, Checker } from '../checker.ts';
import { type Finding, unknownResult, valueFigure } from '../history-queries.ts';
import { type NodeFacts, type NodeView, nodeFacts, nodeIds, type Probe, timeInWords } from './facts.ts';
import { withAdvice } from './finding.ts';
import { renderedOption, watchedMaster } from './sentinel.ts';

/**
 * Time until an election is retried, as multiples of the timeouts. Sources: `sentinelStartFailoverIfNeeded`
 * (sentinel.c) and `clusterHandleSlaveFailover` (cluster.c).
 */
const RETRIES_AFTER = { failoverTimeouts: 2, nodeTimeouts: 4 } as const;

interface Times {
  readonly detectionMs: number;
  readonly electionRetryMs: number;
  /** Text that lists the directives with their live and rendered values. */
  readonly words: string;
  readonly remedy: string;
}

export const failureDetection: Checker = {
  id: 'failure-detection',
  proves:
    'a short stall does not count as a lost master, a lost master is detected in time, and a failed election is retried soon',
  check(history, context) {
    const facts = nodeFacts(history);
    const isCluster = context.environment.topology.kind === 'cluster';
    const ids = nodeIds(isCluster ? 'redis' : 'sentinel', context, facts);
    const seen = facts.probes.flatMap((probe) =>
      ids.map((id) => {
        const view = probe.nodes.get(id) ?? { id };
        const times = (isCluster ? clusterTimes : sentinelTimes)(view, { ...context, facts, probe });
        return { id, probe, times };
      }),
    );
    return withAdvice(findingOf(seen, missingReports(facts, seen)), context);
  },
};

type Seen = { readonly id: string; readonly probe: Probe; readonly times: Times | undefined };
type Context = CheckContext & { readonly facts: NodeFacts; readonly probe: Probe };

function missingReports({ probes }: NodeFacts, seen: readonly Seen[]): readonly string[] {
  const outer = (['start', 'end'] as const).filter((when) => !probes.some((probe) => probe.when === when));
  return [
    ...outer.map((when) => `the nodes were not queried at the ${when} of the run`),
    ...seen
      .filter(({ times, probe }) => times === undefined && probe.when !== 'between')
      .map(({ id, probe }) => `${id} did not report its failure detection times ${timeInWords(probe)}`),
  ];
}

function findingOf(seen: readonly Seen[], missing: readonly string[]): Finding {
  const known = seen.flatMap(({ times, id, probe }) =>
    times === undefined ? [] : [{ ...times, id, probe }],
  );
  if (missing.length > 0) return unknownResult(missing.slice(0, 3).join('; '));
  const slowest = known.toSorted((a, b) => b.electionRetryMs - a.electionRetryMs)[0];
  const fastest = known.toSorted((a, b) => a.detectionMs - b.detectionMs)[0];
  if (slowest === undefined || fastest === undefined)
    return unknownResult('no node reports its failure detection times');
  const reportedValues = (one: typeof slowest) => `${one.id}: ${one.words} ${timeInWords(one.probe)}`;
  return {
    validity: 'valid',
    reasons: [`electionRetryMs: ${reportedValues(slowest)}`, `detectionMs: ${reportedValues(fastest)}`],
    remedies: [
      `electionRetryMs: ${slowest.id}: ${slowest.remedy}`,
      `detectionMs: ${fastest.id}: ${fastest.remedy}`,
    ],
    figures: {
      electionRetryMs: valueFigure(slowest.electionRetryMs, 'ms', known.length),
      detectionMs: valueFigure(fastest.detectionMs, 'ms', known.length),
    },
  };
}

/**
 * Whether a string is a number of milliseconds as a server prints it. Anything else is not a
 * duration and is not used in calculations.
 */
function isTime(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,12}$/.test(text);
}

function sentinelTimes(view: NodeView, context: Context): Times | undefined {
  const master = watchedMaster(view, context);
  const down = master?.get('down-after-milliseconds');
  const failover = master?.get('failover-timeout');
  if (!isTime(down) || !isTime(failover)) return undefined;
  const reportedBy = (option: string, live: string) =>
    `${option} is '${live}', rendered '${renderedOption(view, context, option) ?? 'unknown'}'`;
  const words = `${reportedBy('down-after-milliseconds', down)}, ${reportedBy('failover-timeout', failover)}`;
  const service = context.environment.topology.serviceName;
  return {
    detectionMs: Number(down),
    electionRetryMs: Number(down) + RETRIES_AFTER.failoverTimeouts * Number(failover),
    words: `${words} (sentinel.downAfterMs, sentinel.failoverTimeoutMs)`,
    remedy: `${words}: SENTINEL SET ${service} with the rendered value, or another sentinel.downAfterMs and sentinel.failoverTimeoutMs.`,
  };
}

function clusterTimes({ id, config }: NodeView, { facts }: Context): Times | undefined {
  const live = config?.get('cluster-node-timeout');
  if (!isTime(live)) return undefined;
  const rendered = facts.rendered.get(id)?.directives.get('cluster-node-timeout') ?? 'unknown';
  const words = `cluster-node-timeout is '${live}', rendered '${rendered}'`;
  return {
    detectionMs: Number(live),
    electionRetryMs: (1 + RETRIES_AFTER.nodeTimeouts) * Number(live),
    words: `${words} (cluster.nodeTimeoutMs)`,
    remedy: `${words}: CONFIG SET cluster-node-timeout ${rendered}, or another cluster.nodeTimeoutMs.`,
  };
}
