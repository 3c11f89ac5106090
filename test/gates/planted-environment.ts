/** Environments in which faults are planted, and the runs that judge them. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadEnvironment } from '../../config/load.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import type { Report } from '../../harness/reports/report.ts';
import { type RunRequest, run } from '../../harness/run/index.ts';
import type { PlantedClient } from '../../harness/run/planted-client.ts';
import { healthProblemAfter } from '../../harness/trial/health.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import { localSubstrate } from '../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../infra/topology.ts';
import type { GroupName } from './fault.ts';

const FILES: Readonly<Record<GroupName, string>> = {
  sentinels: 'dev',
  encrypted: 'production',
  cluster: 'cluster',
};
const SETTINGS: Readonly<Record<GroupName, Readonly<Record<string, unknown>>>> = {
  sentinels: {},
  // Three nodes of 2 GB exceed the memory of a small machine.
  encrypted: { 'redis.maxmemory': '64mb' },
  cluster: {},
};

const SEED = 1;
/** Longer than the 10 s between the sentinels' queries for the replicas of a master. */
const HEALTHY_BOUND_MS = 60_000;

/** An environment in a separate folder; disposal removes both. */
export class PlantedEnvironment implements AsyncDisposable {
  /** Created on first use: a suite whose tests are all filtered out runs no hook that could remove it. */
  readonly #dir = join(tmpdir(), `kit-gates-${randomUUID()}`);
  readonly #stateDir = join(this.#dir, '.kit');
  readonly #substrate = localSubstrate({ stateDir: this.#stateDir });
  readonly #config: EnvironmentConfig;
  #environment: Environment | undefined;
  #runs = 0;

  constructor(group: GroupName, settings: Readonly<Record<string, unknown>> = {}) {
    const overrides = { name: `planted-${FILES[group]}`, ...SETTINGS[group], ...settings };
    this.#config = loadEnvironment(resolve(`config/environments/${FILES[group]}.yaml`), overrides, new Map());
  }

  /** Starts the environment and leaves it running, for runs that do not change it. */
  async start(): Promise<Environment> {
    this.#createDir();
    this.#environment ??= await this.#substrate.apply(planTopology(this.#config), { ephemeral: false });
    return this.#environment;
  }

  /** Runs the drills and judges them. If the environment is not running, the run starts and stops it. */
  async runDrills(drills: readonly string[], planted?: PlantedClient): Promise<Report> {
    this.#createDir();
    const request: RunRequest = {
      kind: 'drill',
      environment: this.#config,
      substrate: 'local',
      profile: 'quick',
      seed: SEED,
      out: join(this.#dir, `run-${++this.#runs}`),
      drills,
      // Duration of the `storm` drill.
      minutes: 1,
      trials: undefined,
      // A busy machine that prevents a measurement does not lead to a GO either, so retries would only waste time.
      retries: 0,
      argv: [],
      coverage: undefined,
      stateDir: this.#stateDir,
      progress: () => undefined,
      signal: new AbortController().signal,
    };
    return (await run(request, planted)).report;
  }

  /**
   * Waits until the servers are back in their state from before a fault, so that the fault does not affect the next
   * one.
   * @throws Error that states the remaining problem
   */
  async awaitHealthy(): Promise<void> {
    const problem =
      this.#environment && (await healthProblemAfter(this.#environment, { boundMs: HEALTHY_BOUND_MS }));
    if (problem !== undefined) throw new Error(`the servers are not healthy after the fault: ${problem}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#environment?.[Symbol.asyncDispose]();
    await this.#substrate.destroy(this.#config.name);
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #createDir(): void {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
  }
}
