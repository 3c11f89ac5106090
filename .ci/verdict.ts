/**
 * Counts drills and criteria of a run, from its report and gates. Prints `<passed> <failed>` to stdout and details to stderr.
 *
 * Every drill of the catalogue that supports the topology must have completed. Every criterion in scope must be PASS or WAIVED.
 * A criterion that depends on timing (`timing` in its gate) may also be INVALID, because a shared machine may be too noisy.
 *
 *   verdict.ts <run> [<second run>]    for a performance criterion that failed in the first run, the second run counts
 *   verdict.ts <run> --slow            print the drills to repeat: those of failed performance criteria, if nothing else failed
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseGates } from '../config/gates.ts';
import type { EnvironmentConfig } from '../config/schema.ts';
import { drillsNamed } from '../harness/registry.ts';
import type { Report } from '../harness/reports/report.ts';

const [folder = '', second] = process.argv.slice(2);
const report = reportOf(folder);
const gates = parseGates(readFileSync(join(folder, 'gates.json'), 'utf8'), 'gates.json').gates;
const again = second === undefined || second === '--slow' ? undefined : reportOf(second).verdict.criteria;

function reportOf(run: string): Report {
  return JSON.parse(readFileSync(join(run, 'report.json'), 'utf8')) as Report;
}

/** Gate of a criterion whose figure is a time. Criteria without a gate (complete evidence) do not depend on timing. */
function timedGate(id: string) {
  return gates.find((gate) => gate.id === id && typeof gate.timing === 'object');
}

/** Gate of a criterion that a stall of the machine can affect: a time, a hit ratio, an availability. */
function performanceGate(id: string) {
  return timedGate(id) ?? gates.find((gate) => gate.id === id && gate.group === 'performance');
}

if (second === '--slow') {
  const failed = report.verdict.criteria
    .filter(({ state }) => state === 'FAIL')
    .map(({ id }) => performanceGate(id));
  const slow = failed.every((gate) => gate !== undefined) ? failed.flatMap((gate) => gate.workload) : [];
  process.stdout.write([...new Set(slow)].join(' '));
  process.exit(0);
}

let passed = 0;
const problems: string[] = [];
const notes: string[] = [];

const { topology } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as EnvironmentConfig;
for (const { id } of drillsNamed('all').filter(({ topologies }) => topologies.includes(topology.kind))) {
  const trials = report.trials.filter(({ drill }) => drill === id);
  const broken = trials.find(({ status }) => status !== 'completed');
  if (trials.length === 0) problems.push(`drill ${id}: did not run`);
  else if (broken !== undefined)
    problems.push(`drill ${id}: ${broken.status}: ${broken.reason ?? 'no reason given'}`);
  else passed += 1;
}

for (const first of report.verdict.criteria) {
  const { id } = first;
  const timed = timedGate(id) !== undefined;
  const repeated = first.state === 'FAIL' && performanceGate(id) !== undefined;
  const later = repeated ? again?.find((criterion) => criterion.id === id) : undefined;
  if (later !== undefined)
    notes.push(`criterion ${id}: FAIL in the first run: ${first.because}; measured again`);
  const { state, because } = later ?? first;
  if (state === 'OUT_OF_SCOPE') continue;
  if (state === 'PASS' || state === 'WAIVED') passed += 1;
  else if (state === 'INVALID' && timed)
    notes.push(`criterion ${id}: INVALID, timing on a noisy machine: ${because}`);
  else problems.push(`criterion ${id}: ${state}: ${because}`);
}
if (report.verdict.criteria.every(({ state }) => state === 'OUT_OF_SCOPE'))
  problems.push('no criterion was in scope');

for (const note of notes) process.stderr.write(`note: ${note}\n`);
for (const problem of problems) process.stderr.write(`not ok: ${problem}\n`);
process.stderr.write(`verdict ${report.verdict.decision}: ${passed} drills and criteria passed\n`);
process.stdout.write(`${passed} ${problems.length}\n`);
