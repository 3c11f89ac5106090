/** Every decision in the decision log is recomputed, and every change to the log is detected. */
import { describe, expect, it } from 'vitest';
import { INITIAL_STATE } from '../../canary/judge/state.ts';
import {
  digestOf,
  entryText,
  eventAfter,
  type Head,
  parseEntry,
  snapshotAfter,
} from '../../canary/log/entry.ts';
import { replay } from '../../canary/log/replay.ts';
import { HEALTHY, Rollout, RULES } from './traffic.ts';

/** A log of 30 looks. The last ones cause a rollback. */
function logLines(): string[] {
  const rollout = new Rollout();
  for (let look = 0; look < 20; look++) rollout.look(HEALTHY);
  rollout.until('rollback', { ...HEALTHY, canary: { ...HEALTHY.canary, failures: 10, affected: 10 } }, 10);
  const first = snapshotAfter(undefined, RULES, INITIAL_STATE);
  const lines = [entryText(first.entry)];
  let head: Head = first.head;
  for (const event of rollout.events) {
    const next = eventAfter(head, event);
    head = next.head;
    lines.push(entryText(next.entry));
  }
  const snapshot = snapshotAfter(head, RULES, head.state);
  return [...lines, entryText(snapshot.entry)];
}

describe('a decision log', () => {
  const lines = logLines();

  it('replays every decision byte for byte', () => {
    const { entries, decisions, problem, head } = replay(lines);
    expect(problem).toBeUndefined();
    expect({ entries, decisions }).toEqual({ entries: lines.length, decisions: lines.length - 2 });
    expect(head?.state.status).toBe('rolled-back');
  });

  it('may begin at a later snapshot', () => {
    expect(replay(lines.slice(-1))).toMatchObject({ problem: undefined, entries: 1 });
  });

  it('must begin at a snapshot', () => {
    expect(replay(lines.slice(1)).problem).toMatch(/the first entry must be a snapshot/);
  });

  it.each([
    ['a removed entry', (all: string[]) => all.toSpliced(5, 1), /entry 6: it does not follow entry 4/],
    [
      'a duplicated entry',
      (all: string[]) => all.toSpliced(5, 0, all[5] ?? ''),
      /entry 7: it does not follow/,
    ],
    [
      'an edited input',
      (all: string[]) => all.with(5, (all[5] ?? '').replace('"processes":4', '"processes":5')),
      /entry 6: its digest does not match its content/,
    ],
    [
      'text that is not an entry',
      (all: string[]) => all.with(3, '{}'),
      /entry 4: must be an entry of a canary log/,
    ],
    ['text that is not JSON', (all: string[]) => all.with(3, 'no'), /entry 4: .*JSON/],
  ])('reveals %s', (_what, change, problem) => {
    expect(replay(change([...lines])).problem).toMatch(problem);
  });

  it('reports a decision that the judge would not make, even if its digest is correct', () => {
    const broken = lines.slice(0, 5);
    const last = parseEntry(broken[4] ?? '');
    const head = replay(broken.slice(0, 4)).head;
    if (last.kind !== 'event' || head === undefined)
      throw new Error('the last entry must be an event that follows others');
    const forged = { ...last, decision: { ...last.decision, verdict: 'promote' as const } };
    const { digest: _, ...unsealed } = forged;
    broken[4] = entryText({ ...forged, digest: digestOf(unsealed) });
    expect(replay(broken).problem).toMatch(/recorded as promote, recomputed hold/);
  });
});
