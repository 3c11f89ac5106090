/**
 * Shared implementation of `readiness`, `drill` and `load`: runs the drills, prints the report, exits with its verdict.
 */
import { writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { EXIT, KitError } from '../config/errors.ts';
import { type ExternalFlags, externalOverrides, withoutLogins } from '../config/external-target.ts';
import type { Gates } from '../config/gates.ts';
import { loadEnvironment } from '../config/load.ts';
import type { EnvironmentConfig } from '../config/schema.ts';
import { requireBaseline } from '../harness/judge/compare/index.ts';
import { judgeInThread } from '../harness/judge/thread/index.ts';
import { drillsNamed } from '../harness/registry.ts';
import { renderJson, renderTerminal } from '../harness/reports/index.ts';
import type { RunRequest } from '../harness/run/index.ts';
import type { SubstrateName } from '../infra/substrates/registry.ts';
import { comparisonText } from './comparison-text.ts';
import { modulesOf, useModules } from './extensions.ts';
import { externalTargetOf } from './external-options.ts';
import type { EnvironmentOptions } from './options.ts';
import { poolText } from './pool-text.ts';
import { gatesOfRun } from './run-gates.ts';
import { type Session, stateDir } from './session.ts';

/** Profiles that evaluate only the gates for their kind of run. */
const WHOLE_PROFILES = ['capacity', 'canary', 'rehearsal'] as const;
type WholeProfile = (typeof WHOLE_PROFILES)[number];
type Topology = EnvironmentConfig['topology']['kind'];

export interface RunOptions extends Omit<EnvironmentOptions, 'substrate'>, ExternalFlags {
  readonly substrate: SubstrateName;
  readonly profile: 'quick' | 'full' | WholeProfile;
  readonly seed: number;
  readonly retries: number;
  readonly out?: string;
  readonly trials?: number;
  readonly minutes?: number;
  readonly clients?: RunRequest['clients'];
  readonly hours?: number;
  readonly pool?: string;
  readonly coverage?: string;
  readonly gates: readonly string[];
  readonly baseline?: string;
  readonly module: readonly string[];
}

export async function judgedRun(
  session: Session,
  kind: RunRequest['kind'],
  options: RunOptions,
  drills: readonly string[] | 'all',
): Promise<void> {
  const { terminal } = session;
  const whole = WHOLE_PROFILES.find((name) => name === options.profile);
  const external = externalTargetOf(options);
  if (options.baseline !== undefined) requireBaseline(options.baseline);
  await useModules(options);
  const gates = gatesOfRun(options.gates);
  const environment = loadEnvironment(
    options.env,
    external === undefined ? options.set : externalOverrides(external, options.set),
  );
  // The topology of an external Redis is not known.
  const topology = external === undefined ? environment.topology.kind : undefined;
  // imported late: commands without a run do not need the harness
  const { run } = await import('../harness/run/index.ts');
  const { folder, report, exitCode } = await run({
    kind: whole ?? kind,
    environment,
    external,
    substrate: options.substrate,
    profile: options.profile === 'full' ? 'full' : 'quick',
    seed: options.seed,
    out: options.out,
    parent: options.pool,
    drills: whole === undefined ? drills : drillsOf(whole, gates, topology),
    trials: options.trials,
    minutes: options.minutes,
    clients: options.clients,
    hours: options.hours,
    retries: options.retries,
    argv: ['kit', ...withoutLogins(session.args)],
    coverage: options.coverage,
    gates,
    stateDir: stateDir(),
    progress: (line) => terminal.progress(line),
    signal: session.signal,
  });
  session.exitCode = exitCode;
  terminal.print(
    session.json
      ? renderJson(report)
      : renderTerminal(report, {
          colour: terminal.colour,
          width: terminal.width,
          directory: relative('', folder),
        }),
  );
  if (options.pool !== undefined) await printPool(session, folder);
  if (options.baseline !== undefined)
    await printComparison(session, options.baseline, folder, modulesOf(options));
}

/**
 * Compares the run with its baseline, and writes the result next to the reports. A GO becomes a NO-GO if a criterion is
 * worse, and UNKNOWN if the runs are not comparable.
 */
async function printComparison(
  session: Session,
  baseline: string,
  folder: string,
  modules: readonly string[],
): Promise<void> {
  const { terminal, json, signal } = session;
  try {
    const comparison = await judgeInThread('compare', [baseline, folder], { modules, signal });
    if (comparison.counts.worse > 0) session.exitCode = EXIT.NO_GO;
    writeFileSync(join(folder, COMPARISON), `${JSON.stringify(comparison, null, 2)}\n`);
    if (!json) terminal.print(`\n${comparisonText(comparison)}\n`);
    else if (comparison.counts.worse > 0)
      terminal.printError(`kit: worse than ${baseline}: see ${join(relative('', folder), COMPARISON)}\n`);
  } catch (error) {
    if (!(error instanceof KitError) || signal.aborted) throw error;
    if (session.exitCode === EXIT.GO) session.exitCode = EXIT.UNKNOWN;
    terminal.printError(`kit: not compared with ${baseline}: ${error.message}\n`);
  }
}

/** File of the comparison. It is derived data, like the reports, and therefore not part of the evidence. */
const COMPARISON = 'report.comparison.json';

/**
 * Returns the drills of a family or profile; for a rehearsal, also the drills that its gates for the topology name. A
 * gate that names a nonexistent drill is not measured.
 */
export function drillsOf(
  whole: WholeProfile,
  { gates }: Gates,
  topology: Topology | undefined,
): readonly string[] {
  const own = gates.filter(
    ({ scope: { runs, topologies } }) =>
      whole === 'rehearsal' &&
      runs.includes(whole) &&
      (topologies === 'all' || topology === undefined || topologies.includes(topology)),
  );
  const rehearsed = new Set(own.flatMap(({ workload }) => workload));
  return drillsNamed('all').flatMap(({ family, profile, byNameOnly, id }) =>
    rehearsed.has(id) || ((family === whole || profile === whole) && byNameOnly !== true) ? [id] : [],
  );
}

/** Pools the run with the other runs in its folder, and writes the result next to them. */
async function printPool({ terminal, json, signal }: Session, folder: string): Promise<void> {
  const pool = await judgeInThread('pool', [folder], { signal });
  const text = poolText(pool);
  const path = join(dirname(folder), `pool-${pool.key.slice(0, 12)}`);
  writeFileSync(`${path}.json`, `${JSON.stringify(pool, null, 2)}\n`);
  writeFileSync(`${path}.md`, `${text}\n`);
  if (!json) terminal.print(`\n${text}`);
}
