/** The page of a rollout: without scripts and requests, with the limits of its settings. */
import { describe, expect, it } from 'vitest';
import { type CanaryView, canaryPage } from '../../canary/index.ts';
import { INITIAL_STATE } from '../../canary/judge/state.ts';
import { entryText, eventAfter, snapshotAfter } from '../../canary/log/entry.ts';
import { HEALTHY, Rollout, RULES } from './traffic.ts';

const rollout = new Rollout();
for (let look = 0; look < 5; look++) rollout.look(HEALTHY);
const first = snapshotAfter(undefined, RULES, INITIAL_STATE);
const lines = [entryText(first.entry)];
rollout.events.reduce((head, event) => {
  const next = eventAfter(head, event);
  lines.push(entryText(next.entry));
  return next.head;
}, first.head);

const view = (limits: CanaryView['limits']): CanaryView => ({
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

describe('the page of a rollout', () => {
  it('draws the limit of a rollback that the settings give', () => {
    const page = canaryPage(view({ users: 40, slow: 40 }), lines);
    expect(page.match(/class="limit"/g)).toHaveLength(1);
    expect(page).toMatch(/>rollback at 40</);
  });

  it('draws two limits where they differ, above the axis of the default ones', () => {
    const page = canaryPage(view({ users: 100_000, slow: 20 }), lines);
    expect(page).toMatch(/>rollback at 100000 \(users\)</);
    expect(page).toMatch(/>rollback at 20 \(slow\)</);
    const heights = [...page.matchAll(/class="limit" x1="0" x2="\d+" y1="([\d.]+)"/g)].map(([, y]) =>
      Number(y),
    );
    expect(heights[0]).toBeGreaterThan(0);
    expect(heights[1]).toBeGreaterThan(heights[0] ?? 0);
  });

  it('escapes names, and leaves out entries that cannot be read', () => {
    const page = canaryPage(view({ users: 40, slow: 40 }), [...lines, 'not JSON']);
    expect(page).toMatch(/Canary &#60;flag&#62;: running/);
    expect(page).toMatch(/<polyline class="users"/);
  });
});
