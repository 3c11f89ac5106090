/** Determines which of two nodes has more data from the same history, and from which node an environment starts. */
import { describe, expect, it } from 'vitest';
import { chooseSource, describeData, type NodeData } from '../../../infra/recovery/choose.ts';
import { comparePositions, compareWindows, type Position } from '../../../infra/recovery/compare.ts';

/** A history in which all commands differ. */
const HISTORY = Uint32Array.from({ length: 300 }, (_, i) => ((i * 2_654_435_762) >>> 0) & ~1);
const window = (from: number, to: number, history = HISTORY) => history.slice(from, to);

/** Small pseudo-random numbers that are the same in each run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

describe('two windows of one history', () => {
  it.each([
    ['are equal if they have the same commands', window(0, 100), window(0, 100), 'same'],
    ['prove that a prefix is behind', window(0, 80), window(0, 100), 'behind'],
    ['prove that the longer one is ahead', window(0, 100), window(0, 80), 'ahead'],
    [
      'are equal if one began later and both end at the same command',
      window(0, 100),
      window(60, 100),
      'same',
    ],
    ['prove an order if one began later and has more', window(0, 100), window(60, 120), 'behind'],
    ['prove an order if one began earlier and has less', window(60, 120), window(0, 100), 'ahead'],
    ['prove no order without a common command', window(0, 50), window(60, 100), 'unknown'],
    ['prove no order if one is empty', window(0, 50), window(0, 0), 'unknown'],
    ['prove no order with only one common command', window(0, 50), window(49, 80), 'unknown'],
  ])('%s', (_what, a, b, order) => {
    expect(compareWindows(a, b)).toBe(order);
  });

  it('do not prove an order if they differ within their overlap', () => {
    const other = window(0, 100);
    other[50] = 7;
    expect(compareWindows(window(0, 80), other)).toBe('unknown');
  });

  it('do not prove an order if they only repeat the same commands, even if they are equal', () => {
    const repeating = new Uint32Array(100).fill(8);
    expect(compareWindows(repeating, repeating.slice(0, 90))).toBe('unknown');
    expect(compareWindows(repeating, repeating)).toBe('unknown');
    const turns = Uint32Array.from({ length: 100 }, (_, i) => (i % 2) * 2);
    expect(compareWindows(turns.slice(0, 80), turns.slice(20))).toBe('unknown');
  });

  it('are compared even if a command is repeated, such as loading the library at each start', () => {
    const [first, last] = [Uint32Array.of(8, ...window(0, 100), 8), Uint32Array.of(8, ...window(0, 90))];
    expect(compareWindows(first, last)).toBe('ahead');
    expect(compareWindows(first, first)).toBe('same');
  });

  it('are compared if they overlap in two commands with a time in ms', () => {
    const timed = (...all: number[]) => Uint32Array.from(all, (each) => 2 * each + 1);
    expect(compareWindows(timed(1, 2, 3), timed(2, 3, 4))).toBe('behind');
    expect(compareWindows(timed(1, 2, 3), timed(3, 4))).toBe('unknown');
  });

  it('are compared whatever their length if both begin with an empty data set', () => {
    const of = (digests: Uint32Array, isComplete = true): Position => ({
      kind: 'commands',
      digests,
      isComplete,
    });
    expect(comparePositions(of(window(0, 1)), of(window(0, 2)))).toBe('behind');
    expect(comparePositions(of(window(0, 2)), of(window(0, 2)))).toBe('same');
    expect(comparePositions(of(window(0, 1)), of(window(0, 2), false))).toBe('unknown');
    expect(comparePositions(of(window(0, 1)), of(window(1, 3)))).toBe('unknown');
  });

  it('never prove a wrong order, however the history repeats itself', () => {
    let known = 0;
    for (let seed = 1; seed <= 4_000; seed += 1) {
      const next = numbers(seed);
      const [period, kinds] = [1 + next(12), 1 + next(200)];
      // Some sections of the history repeat; others do not.
      const history = Uint32Array.from(
        { length: 80 },
        (_, i) => 2 * (next(3) === 0 || seed % 2 === 0 ? next(kinds) + 1_000 : i % period),
      );
      const [a, b] = [0, 0].map(() => {
        const from = next(60);
        return { from, to: from + 1 + next(80 - from - 1) };
      }) as [{ from: number; to: number }, { from: number; to: number }];
      const order = compareWindows(window(a.from, a.to, history), window(b.from, b.to, history));
      const truth = a.to === b.to ? 'same' : a.to > b.to ? 'ahead' : 'behind';
      if (order === 'unknown') continue;
      known += 1;
      expect(order, `seed ${seed}: ${JSON.stringify({ a, b, history: [...history] })}`).toBe(truth);
    }
    expect(known).toBeGreaterThan(500);
  });

  it('are compared by offset only if their replication ids are the same', () => {
    const at = (replicationId: string, offset: number): Position => ({
      kind: 'offset',
      replicationId,
      offset,
    });
    expect(comparePositions(at('a', 10), at('a', 9))).toBe('ahead');
    expect(comparePositions(at('a', 10), at('b', 9))).toBe('unknown');
    expect(comparePositions(at('a', 10), { kind: 'unknown' })).toBe('unknown');
  });
});

const usable = (nodeId: string, to: number, from = 0): NodeData => ({
  nodeId,
  state: 'usable',
  source: 'append-only file',
  bytes: 100,
  position: { kind: 'commands', digests: window(from, to), isComplete: false },
  isTruncated: false,
});
const empty = (nodeId: string): NodeData => ({ nodeId, state: 'empty' });
const damaged = (nodeId: string): NodeData => ({
  nodeId,
  state: 'damaged',
  file: 'x.aof',
  problem: 'broken',
});
const choose = (
  nodes: readonly NodeData[],
  contents?: ReadonlyMap<string, { keys: number; digest: string }>,
) => chooseSource({ named: 'redis-1', nodes, ...(contents && { contents }) });

describe('the start of an environment', () => {
  it('uses the named master if no node has more data', () => {
    const nodes = [usable('redis-1', 100), usable('redis-2', 100), usable('redis-3', 90, 20)];
    expect(choose(nodes)).toMatchObject({ kind: 'start', nodeId: 'redis-1' });
    expect(choose([usable('redis-1', 100), empty('redis-2'), damaged('redis-3')])).toMatchObject({
      nodeId: 'redis-1',
    });
    expect(choose([empty('redis-1'), empty('redis-2')])).toEqual({
      kind: 'start',
      nodeId: 'redis-1',
      reason: 'no node has data; the last known master starts',
    });
  });

  it('uses the node with the most recent data if the named master has less data, no data, or damaged data', () => {
    const others = [usable('redis-2', 90), usable('redis-3', 100)];
    expect(choose([usable('redis-1', 80), ...others])).toMatchObject({
      kind: 'start',
      nodeId: 'redis-3',
      reason: 'the last known master is redis-1; redis-3 has more data',
    });
    expect(choose([empty('redis-1'), ...others])).toMatchObject({ nodeId: 'redis-3' });
    expect(choose([damaged('redis-1'), ...others])).toMatchObject({
      nodeId: 'redis-3',
      reason: 'the last known master is redis-1; redis-1 is damaged: x.aof: broken',
    });
  });

  it('requires a choice if it is not proven which node has more data', () => {
    const far = usable('redis-2', 300, 200);
    expect(choose([usable('redis-1', 100), far])).toMatchObject({
      kind: 'ask',
      candidates: ['redis-1', 'redis-2'],
    });
    expect(choose([empty('redis-1'), usable('redis-2', 100), usable('redis-3', 300, 200)])).toMatchObject({
      kind: 'ask',
      candidates: ['redis-2', 'redis-3'],
      reason: expect.stringMatching(
        /^redis-1 has no data; cannot determine which of redis-2 and redis-3 has more data/,
      ),
    });
  });

  it('uses the named master if the contents are equal, and reports the number of keys on each node otherwise', () => {
    const nodes = [usable('redis-1', 100), usable('redis-2', 300, 200)];
    const equal = { keys: 5, digest: 'a' };
    expect(
      choose(
        nodes,
        new Map([
          ['redis-1', equal],
          ['redis-2', equal],
        ]),
      ),
    ).toMatchObject({ kind: 'start', nodeId: 'redis-1' });
    const other = new Map([
      ['redis-1', equal],
      ['redis-2', { keys: 9, digest: 'b' }],
    ]);
    expect(choose(nodes, other)).toMatchObject({
      kind: 'ask',
      reason: expect.stringMatching(/\(redis-1: 5 keys, redis-2: 9 keys\)$/),
    });
  });

  it('is refused if some data is damaged and no data is usable', () => {
    expect(choose([damaged('redis-1'), empty('redis-2')])).toEqual({
      kind: 'none',
      reason: 'redis-1 is damaged: x.aof: broken',
    });
  });

  it('describes the data of each node', () => {
    expect(describeData(usable('redis-1', 100))).toBe(
      'redis-1 has 100 bytes in its append-only file, 100 commands since its last rewrite',
    );
    expect(describeData(empty('redis-1'))).toBe('redis-1 has no data');
    expect(describeData(undefined, 'redis-9')).toBe('redis-9 has no data directory');
  });
});
