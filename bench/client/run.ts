/**
 * Compares the client with its peers:
 * `npm run bench -- client [--effort n] [--save folder] [--before checkout] [scenario …]`. `--save` writes
 * `client.json` and `client.md`; `docs/results/` contains the files of a full run. `--before` also measures the client
 * of another checkout, with the dependencies of that checkout.
 *
 * The benchmark starts its own Redis and measures all clients in one process, in turn in every round. Ratios are
 * medians over the rounds. The exit code is 0 even if goals are missed.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdown } from './markdown.ts';
import { BenchRedis } from './redis.ts';
import type { Outcome, Scenario } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';
import { installPeers, peerVersions } from './subjects.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { effort: { type: 'string', default: '2' }, save: { type: 'string' }, before: { type: 'string' } },
});
const effort = Number(values.effort);
const unknown = positionals.filter((id) => !scenarios.some((scenario) => scenario.id === id));
if (!Number.isInteger(effort) || effort < 1 || effort > 20 || unknown.length > 0) {
  const known = scenarios.map(({ id }) => id).join(' ');
  process.stderr.write(
    `bench: ${unknown.length > 0 ? `unknown scenario ${unknown.join(', ')}; allowed: ${known}` : `--effort: must be an integer between 1 and 20, got '${values.effort}'`}\n`,
  );
  process.exit(2);
}

await installPeers();
const chosen = positionals.length > 0 ? scenarios.filter(({ id }) => positionals.includes(id)) : scenarios;
/** Load of the machine before the run. */
const loadBefore = Number((loadavg()[0] ?? 0).toFixed(1));
const machine = { cpu: cpus()[0]?.model ?? '?', cores: cpus().length, node: process.version };
const results: { readonly scenario: Scenario; readonly outcome: Outcome }[] = [];
for (const scenario of chosen) {
  // A new Redis per scenario, so that its data cannot affect the next one.
  await using redis = await BenchRedis.start();
  const { before } = values;
  const outcome = await scenario.run({ redis, effort, ...(before === undefined ? {} : { before }) });
  print(scenario, outcome);
  results.push({ scenario, outcome });
}
summary();
if (values.save) save(values.save);

function print({ title }: Scenario, { unit, rows, goals, notes = [] }: Outcome): void {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const figure = (n: number): string => (n >= 100 ? n.toFixed(0) : n.toFixed(2));
  const lines = rows.map(
    ({ name, median, best, ratio }) =>
      `  ${name.padEnd(width)}  ${figure(median).padStart(9)} ${unit.padEnd(5)}  best ${figure(best).padStart(9)}  ${ratio.toFixed(2).padStart(6)} x`,
  );
  const said = goals.map(({ asks, measured, held }) => `  ${held ? '✓' : '✗'} ${asks}: ${measured}`);
  for (const { name, ratio } of rows) {
    const before = rows.find((row) => row.name === name.replace(/^kit/, 'kit before'));
    if (before && before.name !== name)
      lines.push(`  ${name} / ${before.name}: ${(ratio / before.ratio).toFixed(3)} x`);
  }
  process.stdout.write(`\n${[title, ...lines, ...said, ...notes.map((note) => `  ${note}`)].join('\n')}\n`);
}

function summary(): void {
  const goals = results.flatMap(({ outcome }) => outcome.goals);
  process.stdout.write(
    `\n${goals.filter(({ held }) => held).length} of ${goals.length} goals met · ${machine.cpu}, ${machine.cores} cores · Node ${machine.node}\n`,
  );
}

function save(folder: string): void {
  const record = {
    schema: 'bench/1',
    at: new Date().toISOString(),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    effort,
    machine: { ...machine, loadBefore },
    peers: peerVersions(),
    scenarios: results.map(({ scenario: { id, title }, outcome }) => ({ id, title, ...outcome })),
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'client.json'), `${JSON.stringify(record, null, 2)}\n`);
  writeFileSync(join(folder, 'client.md'), markdown(record));
}
