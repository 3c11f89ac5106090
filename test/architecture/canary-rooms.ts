/**
 * Import rules for the canary. Data flows one way, as in the harness: counts from the processes, then the decision log,
 * then the pure judge.
 */
import { CLIENT_ENTRIES } from './client-rooms.ts';
import type { Room } from './rules.ts';

const PURE_LOG = ['entry', 'replay', 'control'].map((name) => `canary/log/${name}.ts`);

export const CANARY_ROOMS: readonly Room[] = [
  { at: 'canary/assignment/', because: 'pure: an id and a share in, an arm out', imports: [], node: [] },
  {
    at: 'canary/judge/',
    because: 'pure: a look in, a decision out',
    imports: ['harness/statistics/'],
    types: ['config/canary.ts'],
    node: [],
  },
  ...PURE_LOG.map((at) => ({
    at,
    because: 'pure, except for hashes: a decision is recomputed from its entry',
    imports: ['canary/judge/', 'canary/log/entry.ts', 'harness/evidence/canonical-json.ts'],
    node: ['node:crypto'],
  })),
  ...['rollout-view', 'sections', 'text'].map((name) => ({
    at: `canary/report/${name}.ts`,
    because: 'pure: looks in, texts out; the report of a run uses them too',
    imports: ['canary/report/'],
    types: ['canary/judge/types.ts', 'canary/inspection.ts'],
    node: [],
  })),
  {
    at: 'harness/reports/html/canary.ts',
    because: 'shows a rollout as the page that `kit canary-status` writes does',
    imports: ['harness/reports/', 'canary/report/sections.ts'],
    types: ['canary/report/rollout-view.ts'],
    node: [],
  },
  {
    at: 'canary/',
    because: 'a library for applications: the public client, and the judge above',
    imports: ['config/', 'harness/statistics/', ...CLIENT_ENTRIES],
    node: [],
  },
];
