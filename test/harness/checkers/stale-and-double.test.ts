import { describe, expect, it } from 'vitest';
import { doubleApplies } from '../../../harness/checkers/double-applies.ts';
import { failovers } from '../../../harness/checkers/failovers.ts';
import { staleAcks } from '../../../harness/checkers/stale-acks.ts';
import {
  buildContext,
  buildHistory,
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

describe('stale-acks', () => {
  const check = (...events: readonly Events[]) => staleAcks.check(buildHistory(...events), buildContext());
  const before = writes(0, 2000);
  const around = [before, fault(2000, 5000), masterSwitch(3000)];

  it('finds no stale write if all writes after the promotion are on the new master', () => {
    const after = writes(3500, 4000);
    const read = op({ at: 3600, done: 3601, kind: 'get', key: 'w:100', answer: 'v100' });
    const finding = check(around, after, read, finalRead([...before, ...after]));
    expect(finding.validity).toBe('valid');
    expect(finding.figures.staleAcknowledged).toMatchObject({ value: 0, n: 6 });
  });

  it('detects a write that a deposed master acknowledged after it resumed', () => {
    const late = op({ at: 1990, done: 5001 });
    const finding = check(around, late, finalRead(before, { 'w:1990': null }));
    expect(finding.validity).toBe('invalid');
    expect(figureNumber(finding, 'staleAcknowledged')).toBe(1);
    expect(finding.reasons.join()).toMatch(/set w:1990/);
  });

  it('does not count writes shortly before a second failover, because the lost-writes checker judges them', () => {
    const again = [fault(8000, 9000, 'redis-2'), observation('sentinel', '+switch-master', 8500)];
    const stale = (done: number) => {
      const late = op({ at: done - 1, done, key: 'late' });
      const finding = check(around, again, late, finalRead(before, { late: null }, 'redis-3'));
      return figureNumber(finding, 'staleAcknowledged');
    };
    expect([stale(5000), stale(6990)]).toEqual([1, 1]);
    expect([stale(7500), stale(8400)]).toEqual([undefined, undefined]);
    expect(stale(8600)).toBe(1);
  });

  it("blames the client's memory only for reads that returned while the deposed master was stopped", () => {
    const read = (at: number) => op({ at, done: at + 1, kind: 'get', key: 'w:100', answer: 'v0' });
    const remedies = (at: number) => check(around, read(at), finalRead(before)).remedies?.join();
    expect(remedies(3600)).toMatch(/1 of the 1 stale answers came while .* stopped.*from its memory/);
    expect(remedies(5600)).toBeUndefined();
  });

  it('detects a read that differs from the acknowledged value, even though that value still exists', () => {
    const read = op({ at: 3600, done: 3601, kind: 'get', key: 'w:100', answer: 'v0' });
    const finding = check(around, read, finalRead(before));
    expect(figureNumber(finding, 'staleAcknowledged')).toBe(1);
  });

  it('detects a miss from Redis for an acknowledged key, and ignores a miss from memory', () => {
    const missed = (source: 'redis' | 'memory') =>
      op({ at: 3700, done: 3701, kind: 'get', key: 'w:200', answer: null, source });
    expect(figureNumber(check(around, missed('redis'), finalRead(before)), 'staleAcknowledged')).toBe(1);
    expect(check(around, missed('memory'), finalRead(before)).figures.staleAcknowledged).toBeUndefined();
  });

  it('ignores a read that began before the acknowledgement or was served from memory', () => {
    const early = op({ at: 99, done: 3600, kind: 'get', key: 'w:100', answer: null });
    const memory = op({ at: 3600, done: 3601, kind: 'get', key: 'w:100', answer: null, source: 'memory' });
    const finding = check(
      around,
      early,
      memory,
      writes(3500, 3600),
      finalRead([...before, ...writes(3500, 3600)]),
    );
    expect(figureNumber(finding, 'staleAcknowledged')).toBe(0);
  });

  it('is not measured without a promotion or a final read', () => {
    expect(check(before, fault(2000), finalRead(before)).validity).toBe('unknown');
    expect(check(around).reasons.join()).toMatch(/no final read/);
  });

  it('detects a planned promotion that was complete before the switch was reported', () => {
    const finding = check(
      before,
      fault(2500, 2600, 'redis-1', 'planned-switch'),
      infoSample('redis-2', 2600, { role: 'master' }),
      writes(2700, 2800),
      finalRead([...before, ...writes(2700, 2800)]),
    );
    expect(figureNumber(finding, 'staleAcknowledged')).toBe(0);
  });

  it('is invalid with two masters and not measured after evictions', () => {
    expect(check(around, finalRead(before), finalRead(before, {}, 'redis-1')).validity).toBe('invalid');
    const evicted = [
      infoSample('redis-2', 0, { evictedKeys: 0 }),
      infoSample('redis-2', 1, { evictedKeys: 1 }),
    ];
    expect(
      check(around, evicted, writes(3500, 3600), finalRead([...before, ...writes(3500, 3600)])).validity,
    ).toBe('unknown');
  });
});

describe('double-applies', () => {
  const check = (...events: readonly Events[]) =>
    doubleApplies.check(buildHistory(...events), buildContext());
  const incr = (key: string, more: Partial<Parameters<typeof op>[0]> = {}) =>
    op({ at: 1, done: 2, kind: 'incr', key, value: '1', answer: '1', ...more });
  const append = (n: number, more: Partial<Parameters<typeof op>[0]> = {}) =>
    op({ at: n, done: n + 1, kind: 'append', key: 'a', value: `,${n}`, ...more });

  it('finds no double write if every counter is 1 and every tag occurs once', () => {
    const finding = check(incr('i:1'), append(1), append(11), finalRead([], { 'i:1': '1', a: ',1,11' }));
    expect(finding.validity).toBe('valid');
    expect(finding.figures.doubleApplied).toMatchObject({ value: 0, n: 3 });
  });

  it('detects an INCR with an unknown outcome that was applied twice', () => {
    const finding = check(incr('i:1', { outcome: 'info' }), finalRead([], { 'i:1': '2' }));
    expect(finding.validity).toBe('invalid');
    expect(figureNumber(finding, 'doubleApplied')).toBe(1);
  });

  it('detects an INCR with the reply 2, even though its effect was lost later', () => {
    const finding = check(incr('i:1', { answer: '2' }), finalRead([], { 'i:1': null }));
    expect(figureNumber(finding, 'doubleApplied')).toBe(1);
  });

  it('detects a tag that occurs twice', () => {
    const finding = check(append(1, { outcome: 'info' }), append(2), finalRead([], { a: ',1,2,1' }));
    expect(figureNumber(finding, 'doubleApplied')).toBe(1);
    expect(finding.reasons.join()).toMatch(/append a/);
  });

  it('is not measured if a counter is not a number', () => {
    for (const garbled of ['1e9', 'two', '', '99999999999999999999999']) {
      const finding = check(incr('i:1'), finalRead([], { 'i:1': garbled }));
      expect(finding).toMatchObject({ validity: 'unknown', figures: {} });
      expect(finding.reasons.join()).toMatch(/do not contain a number: incr i:1/);
    }
    expect(check(incr('i:1', { answer: 'NaN' }), finalRead([], { 'i:1': '1' })).validity).toBe('unknown');
  });

  it('ignores an operation with an unknown outcome that was applied once or never', () => {
    const once = check(incr('i:1', { outcome: 'info' }), finalRead([], { 'i:1': '1' }));
    const never = check(op({ at: 1, kind: 'incr', key: 'i:2', value: '1' }), finalRead([], { 'i:2': null }));
    expect([figureNumber(once, 'doubleApplied'), figureNumber(never, 'doubleApplied')]).toEqual([0, 0]);
  });

  it('detects operations that were reported as not applied, even though their effects exist', () => {
    const finding = check(
      incr('i:1', { outcome: 'fail' }),
      append(3, { outcome: 'fail' }),
      op({ at: 9, done: 10, outcome: 'fail' }),
      op({ at: 10, done: 11, outcome: 'fail' }),
      finalRead([], { 'i:1': '1', a: ',3', 'w:9': 'v9', 'w:10': null }),
    );
    expect(finding.validity).toBe('invalid');
    expect(figureNumber(finding, 'failedButApplied')).toBe(3);
  });

  it('counts operations as exposed if they were in flight at the fault, or sent before the client detected it', () => {
    const suspect = observation('client', 'suspect', 2150, {}, { client: 'kit' });
    const finding = check(
      incr('i:before', { at: 1900, done: 1990 }),
      incr('i:struck', { at: 1990, done: 2500 }),
      incr('i:after', { at: 2100, done: 2600, outcome: 'info' }),
      incr('i:held', { at: 2200, done: 2650 }),
      incr('i:refused', { at: 2100, done: 2101, outcome: 'fail' }),
      fault(2000, 2600, 'redis-1', 'pause'),
      suspect,
      observation('client', 'suspect', 2001, {}, { client: 'ioredis' }),
      finalRead([], { 'i:before': '1', 'i:struck': '1', 'i:after': '2', 'i:held': '1', 'i:refused': null }),
    );
    expect(finding.figures.exposedDoubleApplied).toMatchObject({ value: 1, n: 2 });
    expect(finding.figures.lostAnswersUnknown).toMatchObject({ successes: 1, n: 1 });
  });

  it('recognizes a detection before the injection was observed, 800 ms after the request', () => {
    const finding = check(
      incr('i:struck', { at: 1990, done: 2500 }),
      incr('i:held', { at: 2300, done: 2900 }),
      fault(2800, 3500, 'redis-1', 'pause', 2000),
      observation('client', 'suspect', 2150, {}, { client: 'kit' }),
      finalRead([], { 'i:struck': '1', 'i:held': '1' }),
    );
    expect(finding.figures.exposedDoubleApplied).toMatchObject({ value: 0, n: 1 });
  });

  it('reports no exposure if the fault did not affect any operation', () => {
    const finding = check(incr('i:1'), fault(2000, 2600), finalRead([], { 'i:1': '1' }));
    expect(finding.figures.exposedDoubleApplied).toMatchObject({ value: 0, n: 0 });
    expect(finding.figures.lostAnswersUnknown).toBe(undefined);
  });

  it('detects a lost reply that was reported as a failure', () => {
    const finding = check(incr('i:1', { outcome: 'fail' }), finalRead([], { 'i:1': '1' }));
    expect(finding.figures.lostAnswersUnknown).toMatchObject({ successes: 0, n: 1 });
  });

  it('is not measured without tagged operations, without a final read, or when keys were not read', () => {
    expect(check(writes(0, 100), finalRead(writes(0, 100))).validity).toBe('unknown');
    expect(check(incr('i:1')).validity).toBe('unknown');
    const unread = check(incr('i:1'), incr('i:2'), finalRead([], { 'i:1': '1' }));
    expect(unread).toMatchObject({ validity: 'unknown', figures: {} });
    expect(unread.reasons.join()).toMatch(/i:2/);
  });

  it('does not require a final read for operations that were never sent', () => {
    const unsent = incr('i:9', { outcome: 'fail', code: 'IN_FLIGHT_BOUND' });
    expect(check(incr('i:1'), unsent, finalRead([], { 'i:1': '1' })).validity).toBe('valid');
  });

  it('is invalid with two masters', () => {
    expect(check(incr('i:1'), finalRead([], { 'i:1': '1' }), finalRead([], {}, 'redis-1')).validity).toBe(
      'invalid',
    );
  });
});

describe('failovers', () => {
  const check = (...events: readonly Events[]) => failovers.check(buildHistory(...events), buildContext());
  const change = (atMs: number, message: string, node: string) =>
    observation('sentinel', '+switch-master', atMs, { message }, { node });
  const looked = infoSample('redis-1', 5000, { role: 'master' });

  it('counts each change of the master once, even if several sentinels report it', () => {
    const told = ['sentinel-1', 'sentinel-2', 'sentinel-3'].map((node) => change(2500, 'mymaster a b', node));
    const finding = check(fault(2000, 2600), told, change(3500, 'mymaster b a', 'sentinel-1'), looked);
    expect(finding.figures.failovers).toMatchObject({ value: 2, n: 1 });
    expect(finding.reasons).toEqual(['the master changed: mymaster a b; mymaster b a']);
  });

  it('finds no failover if the master stayed the same', () => {
    expect(check(fault(2000, 2600), looked)).toMatchObject({
      validity: 'valid',
      reasons: [],
      figures: { failovers: { value: 0 } },
    });
  });

  it('uses the roles that the nodes report to count a change that no sentinel reported', () => {
    const looks = [
      infoSample('redis-1', 1000, { role: 'master' }),
      infoSample('redis-2', 1000, { role: 'slave' }),
      infoSample('redis-2', 5000, { role: 'master' }),
      // redis-1 hung and has resumed. It is still a master until the sentinels make it a replica.
      infoSample('redis-1', 5000, { role: 'master' }),
      infoSample('redis-1', 6000, { role: 'slave' }),
    ];
    const finding = check(fault(2000, 2600), looks);
    expect(finding.figures.failovers).toMatchObject({ value: 1 });
    expect(finding.reasons).toEqual(['the master changed: redis-2 became master']);
    const heard = change(2500, 'mymaster a b', 'sentinel-1');
    expect(check(fault(2000, 2600), heard, looks).figures.failovers).toMatchObject({ value: 1 });
  });

  it('is not measured when no role was read after the last fault', () => {
    const early = infoSample('redis-1', 2100, { role: 'master' });
    expect(check(fault(2000, 2600), early)).toMatchObject({ validity: 'unknown', figures: {} });
  });
});
