/** A healthy rollout with five looks and its log, for the page tests. */
import type { CanaryView } from '../../canary/index.ts';
import { INITIAL_STATE } from '../../canary/judge/state.ts';
import { entryText, eventAfter, snapshotAfter } from '../../canary/log/entry.ts';
import { HEALTHY, Rollout, RULES } from './traffic.ts';

const rollout = new Rollout();
for (let look = 0; look < 5; look++) rollout.look(HEALTHY);
const first = snapshotAfter(undefined, RULES, INITIAL_STATE);
export const exampleLines = [entryText(first.entry)];
rollout.events.reduce((head, event) => {
  const next = eventAfter(head, event);
  exampleLines.push(entryText(next.entry));
  return next.head;
}, first.head);

export const exampleView = (limits: CanaryView['limits']): CanaryView => ({
  flag: '<flag>',
  status: 'running',
  share: 0.1,
  stages: [10, 50],
  generation: 1,
  limits,
  now: rollout.decisions.at(-1) ?? null,
  last: null,
  changes: [],
  log: { entries: 6, decisions: 5, digest: 'abc', problem: null },
});
