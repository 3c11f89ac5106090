/**
 * The composition root: one run from configuration to verdict. The numbered steps of `run` are its table of contents.
 *
 * config ─▶ topology ─▶ substrate.apply ─▶ environment ─▶ trials ─▶ evidence, sealed ─▶ judge ─▶ reports
 *
 * An environment that is already running is used and left running; an environment that the run itself started is always
 * stopped at the end of the run.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { cpus, release, type as systemName, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { EXIT, KitError } from '../../config/errors.ts';
import type { ExternalTarget } from '../../config/external-target.ts';
import { type Gates, loadGates } from '../../config/gates.ts';
import { IS_BUILT } from '../../config/installation.ts';
import { withoutWebhook } from '../../config/observability-settings.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { type ProgramRecord, type ProgramSink, runProgram } from '../../infra/host/process.ts';
import { describeServers, nodeServers } from '../../infra/operations/servers.ts';
import type { Environment, WatchdogStatus } from '../../infra/substrates/environment.ts';
import {
  checkExternalTarget,
  lockEnvironment,
  type SubstrateName,
  substrateOf,
} from '../../infra/substrates/registry.ts';
import { planTopology, type Topology } from '../../infra/topology.ts';
import { checkers } from '../checkers/index.ts';
import { soakingFor } from '../drills/capacity/index.ts';
import { configuration } from '../drills/configuration.ts';
import type { Drill } from '../drills/drill.ts';
import { drawnFor } from '../drills/storm/index.ts';
import { canonicalJson } from '../evidence/canonical-json.ts';
import { digestText } from '../evidence/digests.ts';
import type { Manifest, RunKind, TrialRecord } from '../evidence/manifest.ts';
import { createRunFolder, type RunFolder } from '../evidence/run-folder.ts';
import { registeredExtensions } from '../extension/registered.ts';
import { openClock } from '../history/clock.ts';
import { extensionReports } from '../judge/extensions.ts';
import { judgeInThread } from '../judge/thread/index.ts';
import { drillsNamed } from '../registry.ts';
import { renderers } from '../reports/index.ts';
import type { Report } from '../reports/report.ts';
import { compareClients } from './compared-clients.ts';
import { type KnownNames, requireKnownNames } from './gate-names.ts';
import type { PlantedClient } from './planted-client.ts';
import { runRounds } from './rounds.ts';
import { watchdogStateBefore } from './watchdog-before.ts';

export interface RunRequest {
  readonly kind: RunKind;
  readonly environment: EnvironmentConfig;
  readonly substrate: SubstrateName;
  readonly profile: 'quick' | 'full';
  readonly seed: number;
  /** Path of the run folder; default `<parent>/<id>`. */
  readonly out: string | undefined;
  /** Path of the folder that contains run folders; default `runs` in the working directory. */
  readonly parent?: string | undefined;
  readonly drills: readonly string[] | 'all';
  /** Clients for the drills that compare several; default: the clients that each drill names. */
  readonly clients?: readonly string[] | undefined;
  /** For the substrate `external`: the address of Redis. */
  readonly external?: ExternalTarget | undefined;
  /** Length of the storm in minutes; default: as in the catalogue. */
  readonly minutes?: number | undefined;
  /** Length of a soak in hours; default: as in the catalogue. */
  readonly hours?: number | undefined;
  /** Trials per drill; default: the drill's own for the profile. */
  readonly trials: number | undefined;
  /**
   * Maximum number of additional rounds; each repeats the trials in which the machine was too busy for a valid
   * measurement.
   */
  readonly retries: number;
  readonly argv: readonly string[];
  /** Gates and waivers of the run; default: the built-in ones. */
  readonly gates?: Gates;
  /** A coverage summary for the coverage criterion. */
  readonly coverage: string | undefined;
  readonly stateDir: string;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface RunOutcome {
  /** Absolute path of the run folder. */
  readonly folder: string;
  readonly report: Report;
  readonly exitCode: 0 | 1 | 3;
}

/** Returns the names that the kit and the registered extensions define. */
function knownNames(): KnownNames {
  const own = registeredExtensions().flatMap(({ extension }) => extension.checkers ?? []);
  return {
    drills: drillsNamed('all').map(({ id }) => id),
    checkers: [...checkers, ...own].map(({ id }) => id),
  };
}

/** Adds the drills of extensions that have no trial in the `quick` profile to the `fullOnly` list. */
function withExtensionDrills(gates: Gates): Gates {
  const own = registeredExtensions().flatMap(({ extension }) => extension.drills ?? []);
  const fullOnly = own.filter(({ trials }) => trials.quick === 0).map(({ id }) => id);
  return { ...gates, fullOnly: [...gates.fullOnly, ...fullOnly] };
}

/**
 * Performs the run, judges it and writes its reports.
 *
 * @param planted replaces the kit's client; only the planted-fault test suite passes it
 * @throws KitError for a missing resource; by then the environment has been stopped, and the folder has no seal
 */
export async function run(request: RunRequest, planted?: PlantedClient): Promise<RunOutcome> {
  const { external, environment: config, substrate, stateDir } = request;
  using _lock = external === undefined ? await lockEnvironment(substrate, config.name, stateDir) : undefined;

  // 1. Checks that do not need a running environment.
  const gates = withExtensionDrills(request.gates ?? loadGates());
  requireKnownNames(gates, request.kind, knownNames());
  const compared = compareClients(drillsOf(request), request.clients, config.topology.kind);
  for (const line of compared.notMeasured) request.progress(line);
  const drills = withConfiguration(
    compared.drills.map((drill) => soakingFor(drawnFor(drill, request.seed, request.minutes), request.hours)),
    request,
  );
  const topology = planTopology(config);
  if (request.coverage !== undefined) requireFile(request.coverage);
  if (external !== undefined) await checkExternalTarget(external, config.client.namespace);

  // 2. The run folder, incomplete until it is sealed.
  const { draft, folder } = await openRunFolder(request, drills, gates);

  // 3. The environment: one that is already running, or else one that is stopped at the end of this run.
  const { environment, watchdogBefore } = await applyTopology(request, topology, folder);
  const provenance = await provenanceOf(environment);

  // 4. The trials, one after the other; the nodes' logs; the end of the environment.
  const clock = openClock();
  const trials: TrialRecord[] = [];
  try {
    const site = { config, environment, watchdogBefore, drills, gates, clock, asksNodes: asksNodes(request) };
    await runRounds({ ...request, ...site, dir: folder.dir, clientModule: planted?.module }, trials);
  } finally {
    try {
      folder.collectLogs(environment.logs);
    } finally {
      await environment[Symbol.asyncDispose]();
    }
  }
  if (request.signal.aborted) throw interruptedError();

  // 5. The seal: from now on nothing is started or changed in the environment.
  folder.seal({
    ...draft,
    judgedAt: new Date().toISOString(),
    provenance: { ...draft.provenance, ...provenance, ...compared.versions },
    deviations: [
      ...environment.deviations,
      ...compared.notMeasured,
      ...(planted === undefined ? [] : [planted.deviation]),
    ],
    trials,
  });

  // 6. Verdict and reports, from the sealed files only.
  request.progress('judging');
  const report = await writeReports(folder, draft, request.signal);
  return { folder: folder.dir, report, exitCode: report.verdict.exitCode };
}

async function writeReports(folder: RunFolder, draft: Manifest, signal: AbortSignal): Promise<Report> {
  const extensions = registeredExtensions();
  const modules = extensions.map(({ module }) => module);
  const report = await judgeInThread('analyze', [folder.dir], { modules, signal });
  const formats = { ...renderers, ...extensionReports(draft, extensions) };
  for (const [name, render] of Object.entries(formats)) folder.writeReport(name, render(report));
  return report;
}

/**
 * Calls `apply` rather than `open`: an environment that belongs to another running command is refused, because it would
 * be stopped during this run. Also returns the state of the watchdog before, because `apply` repairs it.
 */
async function applyTopology(
  { substrate: name, stateDir, external, progress, signal }: RunRequest,
  topology: Topology,
  { sink }: RunFolder,
): Promise<{ readonly environment: Environment; readonly watchdogBefore: WatchdogStatus | undefined }> {
  const substrate = await substrateOf(name, { stateDir, sink, external });
  const steps = await substrate.plan(topology);
  const isUp = steps.every(({ action }) => action === 'keep');
  if (external === undefined)
    progress(isUp ? `${topology.environment.name} is already running: using it` : 'starting the environment');
  const before = external === undefined ? await watchdogStateBefore(substrate, topology) : undefined;
  const environment = await substrate.apply(topology, { ephemeral: true, progress, signal });
  return { environment, watchdogBefore: before };
}

/** Returns the versions and features of the environment, with the server on each node. */
async function provenanceOf(environment: Environment): Promise<Readonly<Record<string, string>>> {
  if (environment.substrate === 'external') return environment.provenance;
  const servers = await nodeServers(environment);
  return { ...environment.provenance, ...(servers.size > 0 && { servers: describeServers(servers) }) };
}

/** Creates the run folder and writes the judge's current inputs to it. */
async function openRunFolder(
  request: RunRequest,
  drills: readonly Drill[],
  gates: Gates,
): Promise<{ draft: Manifest; folder: RunFolder }> {
  const startedAt = new Date().toISOString();
  const runId = `${startedAt.replaceAll(/[-:]|\.\d+/g, '')}-${request.environment.name}-${request.kind}`;
  const programs: ProgramRecord[] = [];
  const draft = await draftManifest(request, runId, startedAt, (record) => programs.push(record));
  const folder = createRunFolder(resolve(request.out ?? join(request.parent ?? 'runs', runId)), draft);
  for (const record of programs) folder.sink(record);
  folder.writeConfig(withoutWebhook(request.environment));
  folder.writeGates(gates);
  folder.writeDrills(drills);
  if (request.coverage !== undefined) {
    folder.addInput('coverage', request.coverage);
    const stamp = join(dirname(request.coverage), COVERAGE_STAMP);
    if (existsSync(stamp)) folder.addInput('coverageCommit', stamp);
  }
  return { draft, folder };
}

/**
 * Returns the requested drills. `all` selects the drills that have trials in the profile and that the topology
 * supports; the topology of an external Redis is unknown.
 */
function drillsOf({ drills, environment, profile, substrate }: RunRequest): readonly Drill[] {
  const named = drillsNamed(drills);
  if (drills !== 'all') return named;
  const ofProfile = named.filter(({ trials }) => trials[profile] > 0);
  if (substrate === 'external') return ofProfile;
  return ofProfile.filter(({ topologies }) => topologies.includes(environment.topology.kind));
}

/**
 * Whether the run reads the nodes' configuration. Every run does, except a run of selected drills on servers that the
 * kit does not run.
 */
function asksNodes({ kind, substrate }: RunRequest): boolean {
  return substrate !== 'external' || kind === 'readiness';
}

function withConfiguration(drills: readonly Drill[], request: RunRequest): readonly Drill[] {
  if (!asksNodes(request)) return drills;
  return [configuration, ...drills.filter(({ spansRun }) => spansRun !== true)];
}

async function draftManifest(
  request: RunRequest,
  runId: string,
  startedAt: string,
  sink: ProgramSink,
): Promise<Manifest> {
  const processors = cpus();
  return {
    schema: 'redis-cache-kit/run/2',
    runId,
    kind: request.kind,
    kitVersion: kitVersion(),
    // In node_modules, git would report the commit of the user's repository.
    commit: IS_BUILT ? null : await commitOf(import.meta.dirname, sink),
    startedAt,
    judgedAt: startedAt,
    environment: request.environment.name,
    substrate: request.substrate,
    profile: request.profile,
    seed: request.seed,
    argv: request.argv,
    configSha256: digestText(canonicalJson(withoutWebhook(request.environment))),
    provenance: { node: process.version },
    deviations: [],
    ...extensionsOf(),
    machine: {
      kernel: `${systemName()} ${release()}`,
      cpu: processors[0]?.model ?? 'unknown',
      cores: processors.length,
      memoryBytes: totalmem(),
    },
    trials: [],
  };
}

function extensionsOf(): Pick<Manifest, 'extensions'> {
  const extensions = registeredExtensions().map(({ identity }) => identity);
  return extensions.length === 0 ? {} : { extensions };
}

/** File, next to a coverage summary, that contains the commit of the summary. */
const COVERAGE_STAMP = 'coverage-commit.json';

/** Returns the kit's version, from its package.json. */
export function kitVersion(): string {
  const manifest = JSON.parse(
    readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'),
  ) as {
    version: string;
  };
  return manifest.version;
}

/** Returns the commit that the kit runs from, with `-dirty` if files differ from it; null outside a checkout. */
async function commitOf(directory: string, sink: ProgramSink): Promise<string | null> {
  const readGit = async (...args: string[]) =>
    (
      await runProgram({ command: 'git', args: ['-C', directory, ...args], sink, timeoutMs: 5_000 })
    ).stdout.trim();
  try {
    const commit = await readGit('rev-parse', 'HEAD');
    return (await readGit('status', '--porcelain')) === '' ? commit : `${commit}-dirty`;
  } catch {
    return null;
  }
}

/**
 * Checks an input file before anything is created, because a run folder with half of its inputs would block the next
 * run.
 */
function requireFile(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile()) return;
  // A FIFO would make the run wait for a writer.
  throw new KitError(stat === undefined ? 'no such file' : 'not a regular file', {
    code: 'INPUT_NOT_FOUND',
    where: path,
    hint: 'pass the path of a file that exists',
  });
}

function interruptedError(): KitError {
  return new KitError('interrupted; all processes of the run have ended', {
    code: 'INTERRUPTED',
    exitCode: EXIT.INTERRUPTED,
  });
}
