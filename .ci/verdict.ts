/**
 * Counts drills and criteria of a run, from its report and gates. Prints `<passed> <failed>` to stdout and details to
 * stderr.
 *
 * Every drill of the profile that supports the topology must have completed at least once. Every criterion in scope
 * must be PASS or WAIVED. A criterion that a busy machine can affect (`timing` in its gate) may also be INVALID, if the
 * machine was busy in all of its attempts.
 *
 *   verdict.ts <run> [drill…]    the named drills instead of those of the profile
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseGates } from '../config/gates.ts';
import type { EnvironmentConfig } from '../config/schema.ts';
import { drillsNamed } from '../harness/registry.ts';
import type { Report } from '../harness/reports/report.ts';

const [folder = '', ...named] = process.argv.slice(2);
const { run, verdict, trials } = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as Report;
const gates = parseGates(readFileSync(join(folder, 'gates.json'), 'utf8'), 'gates.json').gates;
const timed = new Set(gates.filter(({ timing }) => timing !== false).map(({ id }) => id));

let passed = 0;
const problems: string[] = [];
const notes: string[] = [];

const { topology } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as EnvironmentConfig;
const expected = drillsNamed('all').filter(({ id, topologies, trials }) =>
  named.length > 0 ? named.includes(id) : topologies.includes(topology.kind) && trials[run.profile] > 0,
);
for (const { id } of expected) {
  const own = trials.filter(({ drill }) => drill === id);
  const broken = own.find(({ status }) => status !== 'completed');
  if (own.length === 0) problems.push(`drill ${id}: did not run`);
  else if (broken !== undefined && !own.some(({ status }) => status === 'completed'))
    problems.push(`drill ${id}: ${broken.status}: ${broken.reason ?? 'no reason given'}`);
  else passed += 1;
}

for (const { id, state, reason, attempts } of verdict.criteria) {
  if (state === 'OUT_OF_SCOPE') continue;
  const leftOut = attempts?.leftOut ?? 0;
  if (state === 'PASS' || state === 'WAIVED') passed += 1;
  else if (state === 'INVALID' && timed.has(id) && leftOut > 0)
    notes.push(`criterion ${id}: INVALID, busy machine in ${leftOut} trials: ${reason}`);
  else problems.push(`criterion ${id}: ${state}: ${reason}`);
}
if (verdict.criteria.every(({ state }) => state === 'OUT_OF_SCOPE'))
  problems.push('no criterion was in scope');

for (const note of notes) process.stderr.write(`note: ${note}\n`);
for (const problem of problems) process.stderr.write(`not ok: ${problem}\n`);
process.stderr.write(`verdict ${verdict.decision}: ${passed} drills and criteria passed\n`);
process.stdout.write(`${passed} ${problems.length}\n`);
