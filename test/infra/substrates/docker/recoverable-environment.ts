/**
 * An environment on the engine for tests of recovery: writes keys that every replica acknowledges, kills all nodes,
 * damages the data on a volume, and starts the environment again.
 */
import { type EnvironmentConfig, environmentSchema } from '../../../../config/schema.ts';
import { docker, inspectContainers } from '../../../../infra/substrates/docker/engine.ts';
import { partsOf } from '../../../../infra/substrates/docker/ownership.ts';
import { type DockerPlan, planDocker } from '../../../../infra/substrates/docker/plan.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import type { Substrate } from '../../../../infra/substrates/substrate.ts';
import { planTopology, type Topology } from '../../../../infra/topology.ts';
import { replicated, waitUntil } from '../../../support/redis-process.ts';
import { configuration, engineStateDir } from './fixtures.ts';
import { runInVolume } from './manual-changes.ts';

const KEYS = 300;
/** The append-only file with the last commands, in a volume that is mounted at `/v`. */
export const INCR = '/v/appendonlydir/*.incr.aof';
/**
 * Overwrites the header of at least one of the last commands of `$f`. Damage to a value, such as the text of the
 * functions, might not be detected, because a value may contain anything.
 */
export const DAMAGE =
  'n=$(($(wc -c <$f) - 600)); printf %080d 0 | dd of=$f bs=1 seek=$n conv=notrunc 2>/dev/null';

export class RecoverableEnvironment {
  readonly substrate: Substrate;
  readonly topology: Topology;
  readonly plan: DockerPlan;
  readonly containers: readonly string[];
  readonly #state = engineStateDir();
  readonly #config: EnvironmentConfig;
  #environment: Environment | undefined;
  #image = '';
  #written = 0;

  constructor(name: string, firstPort: number) {
    const base = configuration(name, {}, firstPort);
    this.#config = environmentSchema.parse({
      ...base,
      topology: { ...base.topology, replicas: 2 },
      redis: { ...base.redis, appendfsync: 'always' },
    });
    this.topology = planTopology(this.#config);
    this.plan = planDocker(this.topology);
    this.containers = this.plan.nodes.map(({ container }) => container);
    this.substrate = dockerSubstrate({ stateDir: this.#state.path });
  }

  get environment(): Environment {
    if (this.#environment === undefined) throw new Error('the environment is not running');
    return this.#environment;
  }

  nodeOf(id: string): DockerPlan['nodes'][number] {
    const found = this.plan.nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`no node '${id}'`);
    return found;
  }

  /** Deploys the environment and writes the first keys. */
  async start(): Promise<void> {
    await this.up();
    const found = await inspectContainers(this.containers);
    this.#image = String(found.get(this.containers[0] ?? '')?.Config.Image);
    await this.write();
  }

  /** Removes the environment. @returns its parts that are still on the engine */
  async end(): Promise<readonly unknown[]> {
    await this.#environment?.[Symbol.asyncDispose]();
    await this.substrate.destroy(this.#config.name);
    const left = await partsOf(this.#config.name);
    this.#state[Symbol.dispose]();
    return left;
  }

  /** Writes keys that every replica acknowledges. */
  async write(): Promise<void> {
    const master = await this.environment.admin(String(await this.environment.masterId()));
    for (let i = 0; i < KEYS; i += 1) await master.set(`key:${this.#written + i}`, `value ${i}`);
    await replicated(master, 2);
    this.#written += KEYS;
  }

  /**
   * Kills all nodes without an orderly shutdown; the engine does not restart them. Sentinels are killed first, so there
   * is no failover. Containers are killed one after the other, because several containers that leave a network at once
   * can deadlock Docker 20.10.
   *
   * @returns the previous master
   */
  async killAll(): Promise<string> {
    const master = String(await this.environment.masterId());
    await this.environment[Symbol.asyncDispose]();
    for (const container of this.containers.toReversed()) await docker(['kill', container]);
    return master;
  }

  /** Starts the environment. @returns the lines of its progress */
  async up(recoverFrom?: string): Promise<readonly string[]> {
    const lines: string[] = [];
    this.#environment = await this.substrate.apply(this.topology, {
      ephemeral: false,
      progress: (line) => lines.push(line),
      ...(recoverFrom === undefined ? {} : { recoverFrom }),
    });
    return lines;
  }

  /** Waits until each node has every key that was written. */
  async allHaveEveryKey(): Promise<void> {
    for (const { id } of this.topology.redis)
      await waitUntil(
        `${this.#written} keys on ${id}`,
        async () => (await (await this.environment.admin(id)).dbsize()) === this.#written,
      );
  }

  /** Runs a script as root on the data of a node, which is mounted at `/v`. */
  onData(id: string, script: string): Promise<void> {
    return runInVolume(this.nodeOf(id).dataVolume, this.#image, script);
  }
}
