import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KitError } from '../../config/errors.ts';
import { gatesSchema, loadGates, parseGates } from '../../config/gates.ts';
import { checkers } from '../../harness/checkers/index.ts';
import { drills } from '../../harness/drills/index.ts';
import { catchKitError } from '../support/kit-error.ts';

const FILE = join(import.meta.dirname, '../../config/gates.yaml');
const { gates } = loadGates();
const asked = gates.filter(({ scope }) => scope.runs.includes('readiness'));

let scratch = '';
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'kit-gates-'));
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** Loads the built-in file with one text replaced by another, and returns the error. */
function changed(from: string, to: string): KitError {
  const text = readFileSync(FILE, 'utf8');
  if (!text.includes(from)) throw new Error(`gates.yaml has no '${from}'`);
  const file = join(scratch, 'gates.yaml');
  writeFileSync(file, text.replace(from, to));
  return catchKitError(() => loadGates(file));
}

describe('config/gates.yaml', () => {
  it('refers only to existing checkers and drills in the gates for a run', () => {
    const known = new Set([...drills.map(({ id }) => id), 'configuration', 'coverage']);
    for (const gate of asked) {
      expect(
        checkers.map(({ id }) => id),
        gate.id,
      ).toContain(gate.sli.checker);
      for (const drill of gate.workload) expect(known, gate.id).toContain(drill);
    }
  });

  it('has a gate for every drill', () => {
    const gated = new Set(asked.flatMap(({ workload }) => workload));
    const byKind = new Set(gates.flatMap(({ workload }) => workload));
    const without = drills.filter(({ id, trials }) => !(trials.full === 0 ? byKind : gated).has(id));
    expect(without.map(({ id }) => id)).toEqual([]);
  });

  it('judges the expectations of every drill that records expectations', () => {
    const judging = gates.filter(
      ({ sli, scope }) => sli.checker === 'expectations' && scope.runs.includes('drill'),
    );
    const isJudged = (drill: string, id: string) =>
      judging.some(
        ({ sli, workload }) =>
          workload.includes(drill) &&
          (sli.figure === 'held' || id.startsWith(`${sli.figure.replace('held.', '')}/`)),
      );
    const unjudged = drills
      .filter(({ spansRun }) => spansRun !== true)
      .flatMap(({ id: drill, expectations = [] }) =>
        expectations.filter((id) => !isJudged(drill, id)).map((id) => `${drill}: ${id}`),
      );
    expect(unjudged).toEqual([]);
  });

  it('accepts the previous name of the substrate `external`', () => {
    const [gate] = gates;
    const text = JSON.stringify({ gates: [{ ...gate, scope: { substrates: ['attached', 'local'] } }] });
    expect(parseGates(text, 'gates.json').gates[0]?.scope.substrates).toEqual(['external', 'local']);
  });

  it('requires no more trials than its drills run in each profile', () => {
    for (const gate of asked.filter(({ sli }) => sli.count === 'trials')) {
      for (const profile of ['quick', 'full'] as const) {
        // A drill that has no trials in the quick profile runs once if it is requested by name.
        const run = drills
          .filter(({ id }) => gate.workload.includes(id))
          .reduce((sum, drill) => sum + Math.max(1, drill.trials[profile]), 0);
        expect(gate.minN[profile], `${gate.id} ${profile}`).toBeLessThanOrEqual(run);
      }
    }
  });

  it.each([
    ['get-latency', 'get < 5'],
    ['set-latency', 'set < 10'],
    ['batch-get-latency', 'getMany < 50'],
    ['batch-set-latency', 'setMany < 50'],
    ['operation-latency', 'operation < 10'],
    ['availability', 'answered >= 0.999'],
    ['failover-time-master-crash', 'recoveryMs < 30000'],
    ['failover-time-master-hang', 'recoveryMs < 30000'],
    ['planned-switch-gap', 'writeGapMs <= 300'],
    ['compute-answered', 'getOrComputeAnswered == 1'],
    ['hit-ratio-frequent', 'frequent > 0.85'],
    ['hit-ratio-overall', 'overall > 0.5'],
    ['hit-ratio-realistic', 'overall >= 0.8'],
    ['latency-reduction', 'latencyReduction >= 0.5'],
    ['memory-headroom', 'usedRatio < 0.8'],
    ['coverage-lines', 'lines >= 0.8'],
    ['coverage-branches', 'branches >= 0.8'],
    ['canary-error-delta', 'canaryErrorDelta < 0.01'],
  ])('has the target of the mission for %s: %s', (id, target) => {
    const gate = gates.find((one) => one.id === id);
    expect(gate && `${gate.sli.figure} ${gate.target.op} ${gate.target.value}`).toBe(target);
  });

  it('covers the seven criteria and ten enhancements of requirements document 004', () => {
    const sources = gates.map(({ source }) => source).join('\n');
    const criteria = [
      'Coverage',
      'Integration tests',
      'Observability',
      'Configuration',
      'Failure Policy',
      'Key Versioning',
      'Security',
    ];
    for (const criterion of criteria) expect(sources).toContain(`004 §3 ${criterion}`);
    for (let n = 1; n <= 10; n++) expect(sources, `§4.${n}`).toMatch(new RegExp(`§4\\.${n}(?!\\d)`));
  });

  it('judges only the kit’s own client', () => {
    expect(new Set(gates.map(({ client }) => client))).toEqual(new Set(['kit']));
  });

  it('limits the machine load in correctness and configuration gates only for timed expectations and failovers', () => {
    const excused = gates.filter(
      ({ group, timing }) => (group === 'correctness' || group === 'configuration') && timing !== false,
    );
    expect(new Set(excused.map(({ sli }) => sli.checker))).toEqual(new Set(['expectations', 'failovers']));
    const drillsOf = (checker: string) =>
      excused.filter(({ sli }) => sli.checker === checker).flatMap(({ workload }) => workload);
    const timed = new Set(drills.filter(({ timed: ids = [] }) => ids.length > 0).map(({ id }) => id));
    expect(drillsOf('expectations').filter((drill) => !timed.has(drill))).toEqual([]);
  });

  it('limits the machine load for every latency and every other figure that a timeout affects', () => {
    const unbounded = gates.filter(
      ({ sli, timing, scope }) =>
        ['latency', 'hit-ratio', 'benchmark'].includes(sli.checker) &&
        scope.runs.includes('readiness') &&
        timing === false,
    );
    expect(unbounded.map(({ id }) => id)).toEqual([]);
    // An operation count has no target, so a control cannot use a share of it.
    const latencies = gates.filter(({ sli }) => sli.checker === 'latency' && sli.stat !== undefined);
    for (const { id, timing } of latencies) expect(timing, id).toHaveProperty('controlMaxShare');
  });
});

describe('an invalid gates file', () => {
  it('is rejected with file, line, path, the invalid value and the allowed values', () => {
    const error = changed('group: correctness', 'group: correct');
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.where).toMatch(/gates\.yaml:\d+: gates\.0\.group$/);
    expect(error.message).toMatch(
      /must be one of correctness, performance, configuration, process, got 'correct'/,
    );
  });

  it.each([
    ['an unknown key', 'over: sum, count: trials', 'over: sum, counts: trials', /counts/],
    ['another client', 'timing: false', 'client: ioredis\n    timing: false', /ioredis/],
    [
      'an id that occurs twice',
      'id: durable-kept-master-hang',
      'id: durable-kept-master-crash',
      /is defined twice/,
    ],
    [
      'a waiver of an unknown gate',
      'waivers: []',
      "waivers: [{ gate: nothing, owner: Ada, reason: 'a long reason', expires: 2030-01-01 }]",
      /'nothing' must be a gate/,
    ],
    [
      'a waiver without a valid day',
      'waivers: []',
      "waivers: [{ gate: tls, owner: Ada, reason: 'a long reason', expires: soon }]",
      /soon/,
    ],
    [
      'a waiver without a reason',
      'waivers: []',
      'waivers: [{ gate: tls, owner: Ada, expires: 2030-01-01 }]',
      /reason/,
    ],
    ['a claim without confidence', 'share: 0.85, confidence: 0.95', 'share: 0.85', /confidence/],
  ])('is rejected with %s', (_what, from, to, message) => {
    const error = changed(from, to);
    expect(`${error.where} ${error.message}`).toMatch(message);
  });
});

describe('gates in a run folder', () => {
  it('are the same when they are read back', () => {
    expect(parseGates(JSON.stringify(loadGates()), 'gates.json')).toEqual(loadGates());
  });

  it('are rejected with the path of the invalid value', () => {
    const text = JSON.stringify({ gates: [{ id: 'x' }] });
    expect(() => parseGates(text, 'gates.json')).toThrow(KitError);
    expect(gatesSchema.safeParse({ gates: [] }).success).toBe(false);
  });
});
