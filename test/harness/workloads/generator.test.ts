/**
 * Generators in this process, with their clients in threads, against a real single Redis, so every workload and adapter
 * runs. The trial test covers a generator in a separate thread.
 */
import { EventEmitter } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../../config/load.ts';
import type { ClientName } from '../../../harness/drills/clients.ts';
import { openClock } from '../../../harness/history/clock.ts';
import type { History, Operation } from '../../../harness/history/events.ts';
import { parseHistory } from '../../../harness/history/parse.ts';
import { clientSpec } from '../../../harness/workloads/adapter.ts';
import { generatedWorkload } from '../../../harness/workloads/catalogue.ts';
import { serveGenerator } from '../../../harness/workloads/generator.ts';
import type {
  FromGenerator,
  GeneratorSetup,
  Port,
  ToGenerator,
} from '../../../harness/workloads/protocol.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import { PATIENT_LIMITS } from '../../support/patient-limits.ts';

/** Both ends of a generator's port, in one process. */
class Line extends EventEmitter<{ message: [ToGenerator]; said: [FromGenerator] }> implements Port {
  readonly said: FromGenerator[] = [];

  postMessage(message: FromGenerator): void {
    this.said.push(message);
    this.emit('said', message);
  }

  say(message: ToGenerator): void {
    this.emit('message', message);
  }

  async heard<T extends FromGenerator['type']>(type: T): Promise<Extract<FromGenerator, { type: T }>> {
    const has = () => this.said.find((message) => message.type === type || message.type === 'failed');
    await expect.poll(has, { timeout: 60_000, interval: 5 }).toBeDefined();
    const message = has();
    expect(message).toMatchObject({ type });
    return message as Extract<FromGenerator, { type: T }>;
  }
}

let dir: string;
let environment: Environment;
let trials = 0;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'generator-'));
  const topology = planTopology(loadEnvironment('single'));
  environment = await localSubstrate({ stateDir: join(dir, 'state') }).apply(topology, { ephemeral: true });
});
afterAll(async () => {
  await environment?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

function start(
  client: ClientName,
  workload: string,
  parameters: Record<string, number>,
  own: Partial<GeneratorSetup> = {},
) {
  const clock = openClock();
  const line = new Line();
  // The timeouts are long enough that a slow server on a busy machine is not mistaken for a hung one.
  const settings = {
    ...environment.topology.environment.client,
    ...PATIENT_LIMITS,
  };
  const setup: GeneratorSetup = {
    workload,
    spec: clientSpec(client, environment.endpoints, settings),
    durableWrites: 'async',
    parameters: { ...generatedWorkload(workload).defaults, ...parameters },
    seed: 7,
    tag: `t${++trials}`,
    originNs: clock.originNs,
    historyPath: join(dir, `${trials}.jsonl`),
    inFlightBound: 1_000,
    ...own,
  };
  const served = serveGenerator(line, setup, generatedWorkload(workload));
  const history = (): History =>
    parseHistory([{ path: 'history.jsonl', text: readFileSync(setup.historyPath, 'utf8') }]).history;
  return { line, clock, served, history, setup };
}

async function runToItsEnd(client: ClientName, workload: string, parameters: Record<string, number>) {
  const { line, clock, served, history } = start(client, workload, parameters);
  await line.heard('ready');
  line.say({ type: 'go', startUs: clock.nowUs() });
  await line.heard('finished');
  line.say({ type: 'stop', drainMs: 20_000 });
  await served;
  const { written } = await line.heard('stopped');
  return { history: history(), written };
}

describe.each(['kit', 'ioredis'] as const)('%s', (client) => {
  it('runs the failover mix until it is stopped, reports its recovery, and continues to work', async () => {
    const { line, clock, served, history } = start(client, 'failover-mix', {});
    const { threads } = await line.heard('ready');
    expect(Object.keys(threads)).toEqual([`generator-${client}`, `client-${client}`]);
    const startUs = clock.nowUs();
    line.say({ type: 'go', startUs });
    await expect.poll(() => clock.nowUs()).toBeGreaterThan(startUs + 400_000);
    const injectedUs = clock.nowUs();
    line.say({ type: 'injected', atUs: injectedUs });
    expect((await line.heard('recovered')).atUs).toBeGreaterThan(injectedUs);
    await expect.poll(() => clock.nowUs()).toBeGreaterThan(startUs + 1_200_000);
    line.say({ type: 'close-write', round: 1 });
    const { writes } = await line.heard('closing-written');
    expect(writes.map(({ kind, answer }) => `${kind} ${answer}`)).toEqual([
      'set redis',
      'setMany redis',
      ...(client === 'kit' ? ['delete redis'] : []),
      'getOrCompute loader',
    ]);
    const names = writes.flatMap(({ keys }) => keys.map(({ name }) => name));
    line.say({ type: 'close-read', names });
    const { reads } = await line.heard('closing-read');
    expect(reads.map(({ kind, answer, values }) => [kind, answer, values.length])).toEqual([
      ['get', 'redis', 1],
      ['getMany', 'redis', names.length],
      ['getOrCompute', 'redis', 1],
    ]);
    line.say({ type: 'stop', drainMs: 20_000 });
    await served;

    const { operations, observations } = history();
    const kinds = new Set(operations.map(({ invoke }) => invoke.kind));
    expect([...kinds].toSorted()).toEqual(['append', 'get', 'getOrCompute', 'incr', 'set']);
    expect(operations.filter(({ outcome }) => outcome !== 'ok')).toHaveLength(0);
    expect(operations.every(({ completion }) => completion?.source !== 'memory')).toBe(true);
    const marks = observations.map(({ name }) => name);
    expect(marks).toEqual(expect.arrayContaining(['lateness-total', 'loop-delay']));
    const { written } = await line.heard('stopped');
    const sets = operations.filter(({ invoke }) => invoke.kind === 'set');
    expect(written.map(({ key }) => key)).toEqual(
      expect.arrayContaining(sets.map(({ invoke }) => invoke.key)),
    );
  });

  it('runs a steady load with a measured window, and hits its warmed keys', async () => {
    const { history } = await runToItsEnd(client, 'steady', {
      durationMs: 600,
      warmUpMs: 200,
      catalogue: 300,
      batch: 50,
      setManysPerSecond: 0,
    });
    const window = history.observations.find(({ name }) => name === 'window');
    expect(Number(window?.data?.endUs) - Number(window?.data?.startUs)).toBe(600_000);
    expect(new Set(history.operations.map(({ invoke }) => invoke.phase))).toEqual(
      new Set(['warm', 'warm-up', 'steady', 'fill']),
    );
    const batches = history.operations.filter(({ invoke }) => invoke.kind === 'getMany');
    expect(Number(batches.at(-1)?.completion?.value)).toBeGreaterThan(10);
    const { invoke: asked, completion: answered } = batches.at(-1) as Operation;
    expect(answered?.values).toHaveLength(asked.keys?.length ?? 0);
    expect(answered?.values?.filter((each) => each !== null).length).toBe(Number(answered?.value));
    // For every key that a read can find, the history contains a write with the expected value.
    const written = new Map(
      history.operations
        .filter(({ invoke }) => invoke.kind === 'set' || invoke.kind === 'getOrCompute')
        .map(({ invoke }) => [invoke.key, invoke.value]),
    );
    const found = history.operations.filter(
      ({ invoke, completion }) => invoke.kind === 'get' && Boolean(completion?.value),
    );
    expect(found.length).toBeGreaterThan(50);
    for (const { invoke, completion } of found) expect(written.get(invoke.key)).toBe(completion?.value);
    const scheduled = history.operations.filter(
      ({ invoke }) => invoke.phase === 'warm-up' || invoke.phase === 'steady',
    );
    const lateness = history.observations.find(({ name }) => name === 'lateness-total');
    expect(lateness?.data?.n).toBe(scheduled.length);
  });

  it('computes each of the ten missing keys once, and hits the other forty keys', async () => {
    const { history, written } = await runToItsEnd(client, 'realistic-50', {
      backendFastestMs: 1,
      backendSlowestMs: 3,
    });
    const of = (phase: string) => history.operations.filter(({ invoke }) => invoke.phase === phase);
    const sources = (phase: string) => Map.groupBy(of(phase), ({ completion }) => completion?.source);
    expect(of('uncached')).toHaveLength(50);
    expect(sources('uncached').get('loader')).toHaveLength(50);
    expect(sources('cached').get('loader')).toHaveLength(10);
    expect(sources('cached').get('redis')).toHaveLength(40);
    expect(written).toHaveLength(10);
    expect(history.operations.every(({ invoke, completion }) => invoke.value === completion?.value)).toBe(
      true,
    );
  });

  it('computes each entry of a catalogue of five once in a hundred Zipf queries', async () => {
    const { history } = await runToItsEnd(client, 'zipf-100', { backendFastestMs: 1, backendSlowestMs: 2 });
    const loads = history.operations.filter(({ completion }) => completion?.source === 'loader');
    expect([history.operations.length, loads.length]).toEqual([100, 5]);
    const catalogue = history.observations.find(({ name }) => name === 'catalogue');
    expect(catalogue?.data).toMatchObject({ keys: 5, queries: 100 });
  });
});

it('the generator sends the same operations for the same seed', async () => {
  const sequence = async () => {
    const { history } = await runToItsEnd('kit', 'zipf-100', { backendFastestMs: 0, backendSlowestMs: 1 });
    return history.operations.map(({ invoke }) => invoke.value);
  };
  expect(await sequence()).toEqual(await sequence());
});

it('the generator requests durable writes from the kit, and records them as unconfirmed without replicas', async () => {
  const { line, clock, served, history } = start(
    'kit',
    'failover-mix',
    { asyncSetsPerSecond: 0, getsPerSecond: 0, getOrComputesPerSecond: 0, durableSetsPerSecond: 200 },
    { durableWrites: { replicas: 1, timeoutMs: 50 } },
  );
  await line.heard('ready');
  const startUs = clock.nowUs();
  line.say({ type: 'go', startUs });
  await expect.poll(() => clock.nowUs()).toBeGreaterThan(startUs + 500_000);
  line.say({ type: 'stop', drainMs: 20_000 });
  await served;
  const sets = history().operations.filter(({ invoke }) => invoke.kind === 'set');
  expect(sets.length).toBeGreaterThan(10);
  // The master has the write, but its survival is unknown: it counts neither as acknowledged nor as absent.
  expect(new Set(sets.map(({ outcome }) => outcome))).toEqual(new Set(['info']));
  expect(new Set(sets.map(({ completion }) => completion?.error?.code))).toEqual(new Set(['DURABILITY']));
});

it.each(['kit', 'ioredis'] as const)(
  'the generator reports that %s is rejected, and ends',
  async (client) => {
    const spec = clientSpec(client, environment.endpoints, environment.topology.environment.client);
    const wrong = { ...spec, app: { ...spec.app, password: 'wrong' } };
    const { line, served } = start(client, 'zipf-100', {}, { spec: wrong });
    await expect.poll(() => line.said.map(({ type }) => type), { timeout: 60_000 }).toContain('failed');
    line.say({ type: 'close-write', round: 1 });
    const unserved = () =>
      line.said.flatMap((message) => (message.type === 'closing-written' ? message.writes : []));
    await expect.poll(unserved).toHaveLength(client === 'kit' ? 4 : 3);
    expect(unserved().map(({ answer }) => answer)).not.toContain('redis');
    line.say({ type: 'stop', drainMs: 10 });
    await served;
  },
);
