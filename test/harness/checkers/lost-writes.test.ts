import { describe, expect, it } from 'vitest';
import { lostWrites } from '../../../harness/checkers/lost-writes.ts';
import {
  buildContext,
  buildEnvironment,
  buildHistory,
  DURABLE,
  type Events,
  fault,
  figureNumber,
  finalRead,
  infoSample,
  masterSwitch,
  observation,
  op,
  writes,
} from './history-builders.ts';

const durable = { durability: DURABLE, replicas: 1 } as const;
const check = (...events: readonly Events[]) => lostWrites.check(buildHistory(...events), buildContext());

describe('exposure of durable writes', () => {
  const check = (...events: readonly Events[]) => lostWrites.check(buildHistory(...events), buildContext());
  const durable = writes(1000, 2000, 50, { durability: DURABLE, replicas: 1 });
  const earlier = writes(0, 400, 10, { durability: DURABLE, replicas: 1 });
  const async = writes(1001, 2000, 100);
  const lag = [
    observation('drill', 'lag', 1000, { phase: 'on', latencyMs: 250 }),
    observation('drill', 'lag', 2001, { phase: 'off' }),
  ];
  const all = [earlier, durable, async].flat();
  const lastAsync = { 'w:1901': null };
  const struck = [fault(2000, 2600), masterSwitch(2150)];

  it('counts the durable writes in the window in which async writes were lost', () => {
    const finding = check(all, lag, struck, finalRead(all, lastAsync));
    expect(finding.figures.durableExposedLost).toMatchObject({ value: 0, n: 20 });
  });

  it('detects a client that does not wait for replicas, and therefore loses durable writes like async writes', () => {
    const finding = check(all, lag, struck, finalRead(all, { ...lastAsync, 'w:1900': null, 'w:1950': null }));
    expect(finding.validity).toBe('invalid');
    expect(finding.figures.durableExposedLost).toMatchObject({ value: 2, n: 20 });
  });

  it('is zero if no async write was lost in the window, or if no replica lagged', () => {
    const none = { value: 0, n: 0 };
    expect(check(all, lag, struck, finalRead(all)).figures.durableExposedLost).toMatchObject(none);
    expect(check(all, struck, finalRead(all, lastAsync)).figures.durableExposedLost).toMatchObject(none);
    const late = writes(2050, 2060, 10);
    const other = finalRead([...all, ...late], { 'w:2050': null });
    expect(check(all, late, lag, struck, other).figures.durableExposedLost).toMatchObject(none);
  });
});

it('the checker compares the number of lost async writes with that of the stock client that lost the fewest', () => {
  const own = writes(0, 2000);
  const stock = writes(5, 2000, 100, { client: 'ioredis' });
  const more = (...lost: readonly string[]) => {
    const entries = Object.fromEntries(lost.map((key) => [key, null]));
    const finding = check(
      own,
      stock,
      fault(2000, 2600),
      masterSwitch(2150),
      finalRead([...own, ...stock], entries),
    );
    return figureNumber(finding, 'asyncLostMoreThanStock');
  };
  expect(more('w:1800', 'w:1900', 'w:1905')).toBe(1);
  expect(more('w:1900', 'w:1805', 'w:1905')).toBe(0);
  const alone = check(own, fault(2000, 2600), masterSwitch(2150), finalRead(own));
  expect(alone.figures.asyncLostMoreThanStock).toBeUndefined();
});

it.each([
  ['sentinel-1', 'invalid'],
  ['redis-3', 'invalid'],
  ['redis-1', 'valid'],
])('a fault on %s while redis-1 is master makes a lost async write %s', (node, validity) => {
  const master = infoSample('redis-1', 500, { role: 'master' });
  const written = writes(0, 3000);
  const finding = check(
    written,
    master,
    fault(2000, 2600, node),
    finalRead(written, { 'w:1900': null }, 'redis-1'),
  );
  expect(finding.validity).toBe(validity);
});

describe('the remedy for lost writes', () => {
  const before = writes(0, 2000);
  const after = writes(3500, 4000);
  const remedies = (lost: Readonly<Record<string, null>>) =>
    check(before, fault(2000, 6000), masterSwitch(3000), after, finalRead([...before, ...after], lost))
      .remedies;

  it('names the client if writes after the failover were lost', () => {
    expect(remedies({ 'w:300': null, 'w:3600': null })?.join()).toMatch(
      /2 of the 2 lost writes .* no failover lost them\. The client acknowledged/,
    );
  });

  it('does not name the client after a partition in which it could reach both masters', () => {
    const split = fault(2000, 6000, 'redis-1', 'partition');
    const found = (cut: Events, lost: Readonly<Record<string, null>>) =>
      check(before, cut, masterSwitch(3000), after, finalRead([...before, ...after], lost)).remedies;
    expect(found(fault(2000, 6000), { 'w:3600': null })?.join()).toMatch(/The client acknowledged/);
    expect(found(split, { 'w:3600': null })).toBeUndefined();
  });

  it('does not name the client if only the last writes before the fault are missing', () => {
    expect(remedies({ 'w:1800': null, 'w:1900': null })).toBeUndefined();
  });
});

describe('lost-writes', () => {
  it('finds no loss when the master holds every acknowledged write', () => {
    const before = writes(0, 2000);
    const after = writes(4000, 5000);
    const finding = check(
      before,
      fault(2000, 6000),
      masterSwitch(3500),
      after,
      finalRead([...before, ...after]),
    );
    expect(finding.validity).toBe('valid');
    expect(figureNumber(finding, 'lost')).toBe(0);
    expect(figureNumber(finding, 'acknowledged')).toBe(30);
  });

  it('detects one missing durable write, and names its key', () => {
    const kept = writes(0, 2000);
    const lost = op({ at: 1999, done: 2000, ...durable });
    const finding = check(kept, lost, fault(2000), masterSwitch(3000), finalRead(kept, { 'w:1999': null }));
    expect(finding.validity).toBe('invalid');
    expect(figureNumber(finding, 'durableLost')).toBe(1);
    expect(figureNumber(finding, 'asyncLost')).toBe(0);
    expect(finding.reasons.join()).toMatch(/1 durable writes lost: w:1999/);
  });

  it('requires more than a handful of durable writes as evidence', () => {
    const kept = (n: number) => {
      const some = writes(0, n * 10, 10, durable);
      return check(some, fault(2000, 6000), masterSwitch(3000), finalRead(some));
    };
    expect(kept(19).figures.durableLost).toBeUndefined();
    expect(kept(19).reasons.join()).toMatch(/n = 19 acknowledged durable writes, at least 20 needed/);
    expect(figureNumber(kept(20), 'durableLost')).toBe(0);
    expect(kept(20).reasons).toEqual([]);
  });

  it('detects a durable write whose key has another value', () => {
    const lost = op({ at: 1000, done: 1001, ...durable });
    const finding = check(lost, fault(2000), masterSwitch(3000), finalRead([], { 'w:1000': 'other' }));
    expect(figureNumber(finding, 'durableLost')).toBe(1);
    expect(finding.validity).toBe('invalid');
  });

  it('excuses an async write that was acknowledged within the window before the fault', () => {
    const lost = op({ at: 1500, done: 1501 });
    const finding = check(lost, fault(2000), masterSwitch(3000), finalRead([], { 'w:1500': null }));
    expect(finding.validity).toBe('valid');
    expect(figureNumber(finding, 'asyncLost')).toBe(1);
    expect(figureNumber(finding, 'asyncLostBeyondWindow')).toBe(0);
  });

  it('excuses an async write that the old master accepted between the fault and the promotion', () => {
    const lost = op({ at: 2500, done: 2501 });
    const finding = check(lost, fault(2000), masterSwitch(3000), finalRead([], { 'w:2500': null }));
    expect(figureNumber(finding, 'asyncLostBeyondWindow')).toBe(0);
  });

  it('begins the window before the request of a fault whose injection was observed 800 ms later', () => {
    const late = fault(2800, undefined, 'redis-1', 'kill', 2000);
    const findingOf = (done: number) =>
      check(op({ at: 900, done }), late, masterSwitch(3500), finalRead([], { 'w:900': null }));
    expect(figureNumber(findingOf(1000), 'asyncLostBeyondWindow')).toBe(0);
    expect(figureNumber(findingOf(999), 'asyncLostBeyondWindow')).toBe(1);
  });

  it('detects the loss of an async write acknowledged before the window', () => {
    const lost = op({ at: 990, done: 998 });
    const finding = check(lost, fault(2000), masterSwitch(3000), finalRead([], { 'w:990': null }));
    expect(finding.validity).toBe('invalid');
    expect(figureNumber(finding, 'asyncLostBeyondWindow')).toBe(1);
  });

  it('detects the loss of an async write acknowledged after the promotion', () => {
    const lost = op({ at: 3100, done: 3101 });
    const finding = check(lost, fault(2000), masterSwitch(3000), finalRead([], { 'w:3100': null }));
    expect(figureNumber(finding, 'asyncLostBeyondWindow')).toBe(1);
  });

  it('uses the first evidence of a promotion, which may be a sample of the new master', () => {
    const lost = op({ at: 2900, done: 2901 });
    const promoted = infoSample('redis-2', 2800, { role: 'master' });
    const finding = check(
      lost,
      fault(2000),
      infoSample('redis-1', 2100, { role: 'master' }),
      promoted,
      masterSwitch(3500),
      finalRead([], { 'w:2900': null }),
    );
    expect(figureNumber(finding, 'asyncLostBeyondWindow')).toBe(1);
  });

  it('does not excuse a loss if there was no fault', () => {
    const finding = check(op({ at: 10, done: 11 }), finalRead([], { 'w:10': null }));
    expect(figureNumber(finding, 'asyncLostBeyondWindow')).toBe(1);
  });

  it('ignores writes with an unknown outcome, rejected writes and writes to the memory fallback', () => {
    const kept = writes(0, 500);
    const others = [
      op({ at: 1000 }),
      op({ at: 1001, done: 1100, outcome: 'info' }),
      op({ at: 1002, done: 1100, outcome: 'fail' }),
      op({ at: 1003, done: 1100, source: 'memory' }),
    ].flat();
    const gone = Object.fromEntries([1000, 1001, 1002, 1003].map((at) => [`w:${at}`, null]));
    const finding = check(kept, others, fault(2000), masterSwitch(3000), finalRead(kept, gone));
    expect(finding.validity).toBe('valid');
    expect(figureNumber(finding, 'acknowledged')).toBe(5);
    expect(figureNumber(finding, 'lost')).toBe(0);
  });

  it('judges only the requested client', () => {
    const ours = writes(0, 500);
    const theirs = op({ at: 7, done: 8, client: 'ioredis' });
    const recorded = buildHistory(ours, theirs, finalRead(ours, { 'w:7': null }));
    expect(figureNumber(lostWrites.check(recorded, buildContext()), 'lost')).toBe(0);
    expect(figureNumber(lostWrites.check(recorded, buildContext({ client: 'ioredis' })), 'lost')).toBe(1);
  });

  it('detects a lost INCR and a lost APPEND by their missing effects', () => {
    const incr = op({ at: 1, done: 2, kind: 'incr', key: 'i:1', value: '1' });
    const appends = [
      op({ at: 3, done: 4, kind: 'append', key: 'a:1', value: ',1' }),
      op({ at: 5, done: 6, kind: 'append', key: 'a:1', value: ',2' }),
    ].flat();
    const all = check(incr, appends, finalRead([], { 'i:1': '1', 'a:1': ',1,2' }));
    expect(figureNumber(all, 'lost')).toBe(0);
    const some = check(incr, appends, finalRead([], { 'i:1': null, 'a:1': ',12' }));
    expect(figureNumber(some, 'lost')).toBe(3);
  });

  it('does not count a write as lost if it was overwritten, or if a concurrent write may have replaced it', () => {
    const first = op({ at: 1, done: 2, key: 'k', value: 'a' });
    const second = op({ at: 3, done: 5, key: 'k', value: 'b' });
    const concurrent = op({ at: 4, key: 'k', value: 'c' });
    expect(figureNumber(check(first, second, finalRead([], { k: 'b' })), 'lost')).toBe(0);
    expect(figureNumber(check(first, second, concurrent, finalRead([], { k: 'c' })), 'lost')).toBe(0);
    expect(figureNumber(check(first, second, finalRead([], { k: 'a' })), 'lost')).toBe(1);
  });

  it('detects a durable write that was confirmed by fewer replicas than promised', () => {
    const shaky = op({ at: 1, done: 2, durability: DURABLE, replicas: 0 });
    const finding = check(shaky, finalRead(shaky));
    expect(finding.validity).toBe('invalid');
    expect(figureNumber(finding, 'durableUnconfirmed')).toBe(1);
  });

  it('is not measured after an eviction', () => {
    const lost = op({ at: 1500, done: 1501 });
    const finding = check(
      lost,
      infoSample('redis-1', 0, { evictedKeys: 7 }),
      infoSample('redis-1', 1000, { evictedKeys: 9 }),
      finalRead(lost),
    );
    expect(finding.validity).toBe('unknown');
    expect(finding.reasons.join()).toMatch(/2 keys were evicted/);
    expect(figureNumber(finding, 'lost')).toBe(0);
  });

  it('ignores an eviction before the trial, and a counter that was reset by a restart', () => {
    const kept = writes(0, 500);
    const finding = check(
      kept,
      infoSample('redis-1', 0, { evictedKeys: 7 }),
      infoSample('redis-1', 100, { evictedKeys: 0 }),
      infoSample('redis-2', 100, { evictedKeys: 3 }),
      finalRead(kept),
    );
    expect(finding.validity).toBe('valid');
  });

  it('is not measured if the trial was longer than the TTL of its keys', () => {
    const kept = writes(0, 500);
    const short = buildEnvironment({ client: { defaultTtlSeconds: 20 } });
    const finding = lostWrites.check(
      buildHistory(kept, finalRead(kept)),
      buildContext({ environment: short }),
    );
    expect(finding.validity).toBe('unknown');
    expect(finding.reasons.join()).toMatch(/TTL of 20 s/);
  });

  it.each([
    ['nothing was acknowledged', [op({ at: 1 }), finalRead([])], /no write was acknowledged/],
    ['there is no final read', [writes(0, 100)], /no final read/],
    [
      'only replicas were read',
      [writes(0, 100), finalRead([], {}, 'redis-3', 'replica')],
      /no final read of a master/,
    ],
    [
      'a key was not read back',
      [writes(0, 300), finalRead(writes(0, 200))],
      /1 acknowledged keys were not read back: w:200/,
    ],
  ] as const)('is not measured and has no loss figures if %s', (_what, events, reason) => {
    const finding = check(...events);
    expect(finding.validity).toBe('unknown');
    expect(finding.reasons.join()).toMatch(reason);
    expect(finding.figures.lost).toBeUndefined();
    expect(finding.figures.durableLost).toBeUndefined();
  });

  it('is invalid when two nodes report ROLE master', () => {
    const kept = writes(0, 500);
    const finding = check(kept, finalRead(kept), finalRead(kept, {}, 'redis-1'));
    expect(finding).toMatchObject({ validity: 'invalid', figures: {} });
    expect(finding.reasons.join()).toMatch(/several masters after the heal: redis-2, redis-1/);
  });

  it('omits figures for durability levels that were not requested', () => {
    const kept = writes(0, 500);
    const finding = check(kept, finalRead(kept));
    expect(finding.figures.durableLost).toBeUndefined();
    expect(finding.figures.asyncLost).toBeDefined();
  });
});
