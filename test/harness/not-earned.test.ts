/** Runs that must not be a GO: complete runs with a single flaw that a less thorough judge would not detect. */
import { afterAll, describe, expect, it } from 'vitest';
import { loadGates } from '../../config/gates.ts';
import { drills } from '../../harness/drills/index.ts';
import { analyzeRun } from '../../harness/judge/index.ts';
import { buildEnvironment, DURABLE, observation, op, writes } from './checkers/history-builders.ts';
import { lateness } from './client-histories.ts';
import type { RunOptions } from './healthy-run.ts';
import { findCriterion, ScratchRuns } from './scratch-runs.ts';

const scratch = new ScratchRuns();
afterAll(() => scratch[Symbol.dispose]());

/** Durable writes before and after the fault, and no other write that could be lost. */
const durableOnly = [
  writes(0, 2000, 10, { durability: DURABLE, replicas: 1 }),
  writes(2200, 6000, 10, { durability: DURABLE, replicas: 1 }),
  lateness('kit'),
];

const run = (options: RunOptions) => analyzeRun(scratch.createRun(options).dir);

describe('a run without sufficient evidence', () => {
  it('is UNKNOWN on an external Redis, whose configuration is unknown', () => {
    const report = run({ manifest: { substrate: 'external' } });
    const why = {
      persistence: /CONFIG GET, which is not sent to a server that the kit does not run/,
      'configuration-drift': /did not answer/,
      quorum: /no node was queried/,
      'access-users': /did not answer ACL LIST/,
      'async-window': /the durability of its writes is unknown/,
    };
    for (const [id, reason] of Object.entries(why)) {
      const found = { state: 'NOT_MEASURED', reason: expect.stringMatching(reason) };
      expect(findCriterion(report, id), id).toMatchObject(found);
    }
    // INFO reports the same setting, and is allowed on every server.
    expect(findCriterion(report, 'eviction-policy').state).toBe('PASS');
    expect(findCriterion(report, 'supervised-client').state).toBe('PASS');
    expect(report.verdict).toMatchObject({ decision: 'UNKNOWN', exitCode: 3, action: 'keep-disabled' });
  });

  it('needs only the expectations about its own keys on an external Redis', () => {
    const asked = { substrate: 'external', kind: 'drill' } as const;
    const report = run({ manifest: asked, drills: drills.filter(({ id }) => id === 'key-versioning') });
    expect(findCriterion(report, 'key-versioning').state).toBe('PASS');
    expect(findCriterion(report, 'persistence').state).toBe('OUT_OF_SCOPE');
    expect(report.verdict).toMatchObject({ decision: 'GO', action: null });
  });

  it('is treated as a run on an external Redis if it was recorded with the previous name of the substrate', () => {
    const recorded = drills
      .filter(({ id }) => id === 'key-versioning')
      .map(({ external, ...drill }) => ({ ...drill, attached: external }));
    const report = run({ manifest: { substrate: 'attached', kind: 'drill' }, drills: recorded });
    expect(findCriterion(report, 'key-versioning').state).toBe('PASS');
    expect(findCriterion(report, 'persistence').state).toBe('OUT_OF_SCOPE');
  });

  it('is UNKNOWN if no gate applies, and does not enable Redis', () => {
    const gates = loadGates();
    const elsewhere = gates.gates.map((gate) => ({
      ...gate,
      scope: { ...gate.scope, environments: ['production'] },
    }));
    const report = run({ gates: { ...gates, gates: elsewhere } });
    expect(findCriterion(report, 'evidence-complete').state).toBe('PASS');
    expect(report.verdict.counts).toMatchObject({ PASS: 1, FAIL: 0, NOT_MEASURED: 0 });
    expect(report.verdict).toMatchObject({ decision: 'UNKNOWN', exitCode: 3, action: 'keep-disabled' });
    expect(report.verdict.advice[0]).toMatch(/No gate applies to this run/);
  });

  it.each(['correctness', 'performance'])('does not enable Redis if no gate covers %s', (group) => {
    const gates = loadGates();
    const some = gates.gates.filter((gate) => gate.group !== group);
    const report = run({ gates: { ...gates, gates: some } });
    expect(report.verdict).toMatchObject({ decision: 'GO', action: null });
    expect(report.verdict.advice.join()).toMatch(/Redis is not enabled/);
  });

  it('is a no-go if the window that excuses lost async writes is too wide', () => {
    const report = run({ environment: buildEnvironment({ durability: { asyncLossWindowMs: 5000 } }) });
    expect(findCriterion(report, 'async-window')).toMatchObject({
      state: 'FAIL',
      measured: 5000,
      remedy: expect.stringContaining('durability.asyncLossWindowMs'),
    });
    expect(report.verdict.exitCode).toBe(1);
  });

  it('is UNKNOWN for durable writes if too few of them were acknowledged', () => {
    const given = { durability: { replicas: 1, timeoutMs: 1000 }, replicas: 1 } as const;
    const few = [writes(0, 50, 10, given), writes(2200, 2250, 10, given), lateness('kit')];
    const report = run({ instead: { 'master-crash/kit': few } });
    expect(findCriterion(report, 'durable-kept-master-crash')).toMatchObject({
      state: 'NOT_MEASURED',
      reason: expect.stringContaining('n = 10 acknowledged durable writes'),
    });
    expect(report.verdict.exitCode).not.toBe(0);
  });

  it('is UNKNOWN for durable writes if no other write was lost', () => {
    const calm = run({
      instead: Object.fromEntries(
        ['master-crash', 'master-hang'].map((drill) => [`${drill}/kit`, durableOnly]),
      ),
    });
    expect(findCriterion(calm, 'durable-kept-exposed')).toMatchObject({
      state: 'NOT_MEASURED',
      n: 0,
      reason: expect.stringContaining('n = 0 writes'),
    });
    expect(calm.verdict.exitCode).not.toBe(0);
  });

  it('is a no-go if the memory fallback served batches', () => {
    const fallback = Array.from({ length: 40 }, (_, i) =>
      op({
        at: i * 10,
        done: i * 10 + 1,
        kind: 'getMany',
        key: 'm',
        batch: 100,
        answer: '100',
        source: 'memory',
      }),
    );
    const report = run({ extra: { 'batches/kit': fallback } });
    expect(report.verdict).toMatchObject({ decision: 'NO_GO', action: 'deploy-with-breaker' });
    expect(findCriterion(report, 'availability-batches').state).toBe('FAIL');
    expect(findCriterion(report, 'transient-errors-batches').state).toBe('FAIL');
    expect(findCriterion(report, 'batch-get-latency').state).toBe('PASS');
  });

  it('is a no-go if Redis accepts only half of the writes after the recovery', () => {
    const given = { durability: { replicas: 1, timeoutMs: 1000 } } as const;
    const refused = writes(3500, 6000, 10, {
      ...given,
      outcome: 'fail',
      code: 'BREAKER_OPEN',
      key: 'w:refused',
    });
    const report = run({ extra: { 'master-crash/kit': refused } });
    expect(findCriterion(report, 'served-after-recovery')).toMatchObject({
      state: 'FAIL',
      measured: expect.closeTo(0.5, 1),
    });
    expect(report.verdict.exitCode).toBe(1);
  });

  it('is a no-go if one write took a second to reach a replica', () => {
    const late = observation('workload', 'replication-lag', 900, { lagMs: 1000 }, { node: 'redis-3' });
    const report = run({ extra: { 'replication/events': late } });
    expect(findCriterion(report, 'replication-lag')).toMatchObject({ state: 'FAIL', measured: 1000 });
    expect(report.verdict.exitCode).toBe(1);
  });

  it('is UNKNOWN if a script omitted an expectation of its drill', () => {
    const promising = drills.map((drill) =>
      drill.id === 'security' ? { ...drill, expectations: ['app-cannot-flush', 'no-password'] } : drill,
    );
    const one = {
      type: 'expect',
      id: 'no-password',
      what: 'it is refused',
      relation: 'equals',
      expected: 1,
      actual: 1,
      atUs: 5,
    } as const;
    const report = run({ drills: promising, instead: { 'security/events': one } });
    expect(findCriterion(report, 'security')).toMatchObject({
      state: 'NOT_MEASURED',
      reason: expect.stringContaining('app-cannot-flush'),
    });
    expect(report.verdict.exitCode).toBe(3);
  });

  it('does not enable Redis after a single drill that passes', () => {
    const report = run({
      drills: drills.filter(({ id }) => id === 'ttl-expiry'),
      manifest: { kind: 'drill' },
    });
    expect(report.verdict).toMatchObject({
      decision: 'GO',
      exitCode: 0,
      action: null,
      advice: ['The requested criteria pass; kit readiness decides whether to enable Redis.'],
    });
  });
});
