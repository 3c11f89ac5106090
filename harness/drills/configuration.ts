import type { Drill } from './drill.ts';

export const configuration: Drill = {
  id: 'configuration',
  title: 'Every node runs the rendered configuration',
  family: 'integration',
  source: 'requirements document 004 §3, configuration and security; mission A7, A8',
  safeOutcome:
    'directives, users, ports and roles of every node are as rendered, before, between and after the trials',
  needs: [],
  topologies: ['single', 'sentinel', 'cluster'],
  clients: ['kit'],
  spansRun: true,
  workload: { name: 'node-facts', parameters: {} },
  faults: [],
  checkers: [
    ...['drift', 'roles', 'persistence', 'flush', 'eviction', 'write-guard', 'lag-bound', 'promotable'],
    ...['read-only-replicas', 'quorum', 'failure-detection', 'parallel-syncs', 'encryption', 'tls-versions'],
    ...['exposure', 'users', 'passwords', 'commands', 'data-access', 'available-commands', 'safe-directives'],
    ...['watchdog', 'configuration', 'expectations'],
  ],
  expectations: ['answered-at-start', 'answered-at-end'],
  // This limit is not applied: the drill spans all other trials, and each reading of the nodes takes seconds.
  boundMs: 30_000,
  trials: { quick: 1, full: 1 },
};
