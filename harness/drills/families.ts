/** Settings that the drills of a family share: bounds, trials and, for failovers, the clients and checkers. */
import { DEFAULT_CLIENTS } from './clients.ts';
import type { Drill } from './drill.ts';

type Own<K extends keyof Drill> = Omit<Drill, K>;

/**
 * Returns a drill that runs a script through the kit's client. The script takes seconds; the `quick` profile runs it
 * once.
 */
export function integrationDrill(
  drill: Own<
    | 'family'
    | 'clients'
    | 'faults'
    | 'boundMs'
    | 'trials'
    | 'needs'
    | 'topologies'
    | 'checkers'
    | 'workload'
    | 'expectations'
    | 'timed'
  > &
    Partial<Pick<Drill, 'checkers' | 'topologies' | 'needs' | 'timed' | 'trials'>> &
    Required<Pick<Drill, 'expectations'>>,
): Drill {
  return {
    family: 'integration',
    needs: [],
    topologies: ['single', 'sentinel', 'cluster'],
    clients: ['kit'],
    workload: { name: drill.id, parameters: {} },
    faults: [],
    checkers: ['expectations', 'liveness'],
    boundMs: 30_000,
    trials: { quick: 1, full: 3 },
    ...drill,
  };
}

/**
 * Like `integrationDrill`, for a script that the `quick` profile leaves out: it runs in `full`, or when requested by
 * name.
 */
export function fullOnlyIntegration(drill: Parameters<typeof integrationDrill>[0]): Drill {
  return { ...integrationDrill(drill), boundMs: 60_000, trials: { quick: 0, full: 3 } };
}

/**
 * Like `integrationDrill`, for a script that only a rehearsal runs, or a request by name. The time limit leaves room for
 * programs that the script starts, and builds if they are missing.
 */
export function rehearsalDrill(drill: Parameters<typeof integrationDrill>[0]): Drill {
  return {
    ...integrationDrill(drill),
    boundMs: 300_000,
    profile: 'rehearsal',
    trials: { quick: 0, full: 0 },
  };
}

/**
 * Returns a drill with a fault, by default under the failover mix, with the kit's client and the stock client in
 * parallel. The claim in `full` needs 20 trials.
 */
export function failoverDrill(
  drill: Own<
    'family' | 'clients' | 'boundMs' | 'trials' | 'topologies' | 'checkers' | 'workload' | 'operations'
  > &
    Partial<Pick<Drill, 'clients' | 'trials' | 'topologies' | 'workload' | 'operations'>> & {
      /** Parameters of the failover mix. */
      readonly parameters?: Drill['workload']['parameters'];
    },
): Drill {
  const { parameters = {}, ...own } = drill;
  return {
    family: 'failover',
    topologies: ['sentinel'],
    clients: DEFAULT_CLIENTS,
    workload: { name: 'failover-mix', parameters },
    operations: ['set', 'durable set', 'get', 'incr', 'append', 'getOrCompute'],
    checkers: [
      'lost-writes',
      'stale-acks',
      'double-applies',
      'failovers',
      'min-replicas',
      'returned-master',
      'cut-off-client',
      'liveness',
      'recovery',
      'latency',
      'availability',
      'generator',
      'memory',
    ],
    boundMs: 120_000,
    trials: { quick: 1, full: 20 },
    ...own,
  };
}

/**
 * Like `failoverDrill`, for a fault that the `quick` profile leaves out: it runs in `full`, or when requested by name.
 */
export function fullOnlyFailover(drill: Parameters<typeof failoverDrill>[0]): Drill {
  return { ...failoverDrill(drill), trials: { quick: 0, full: 20 } };
}

/** Like `failoverDrill`, for faults in a cluster. */
export function clusterFailover(drill: Parameters<typeof failoverDrill>[0]): Drill {
  return { ...failoverDrill(drill), topologies: ['cluster'] };
}

/** Returns a drill with load and without a fault, by default through the kit's client alone. */
export function loadDrill(
  drill: Own<'family' | 'clients' | 'faults' | 'boundMs' | 'needs' | 'topologies' | 'operations'> &
    Partial<Pick<Drill, 'boundMs' | 'clients' | 'topologies'>> &
    Required<Pick<Drill, 'operations'>>,
): Drill {
  return {
    family: 'load',
    needs: [],
    topologies: ['single', 'sentinel', 'cluster'],
    clients: ['kit'],
    faults: [],
    boundMs: 60_000,
    ...drill,
  };
}
