/**
 * A client in a separate thread against a real Redis: its replies, its failures, its exit, and a generator that it does
 * not delay.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadEnvironment } from '../../../config/load.ts';
import { CLIENT_NAMES, type ClientName } from '../../../harness/drills/clients.ts';
import { openClock } from '../../../harness/history/clock.ts';
import { clientSpec } from '../../../harness/workloads/adapter.ts';
import { type ClientThread, openClientThread } from '../../../harness/workloads/client-thread.ts';
import { glideSockets, removeGlideSocket } from '../../../harness/workloads/stock/glide-socket.ts';
import { padValue } from '../../../harness/workloads/values.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import { PATIENT_LIMITS } from '../../support/patient-limits.ts';

let dir: string;
let environment: Environment;
const open = new Set<ClientThread>();
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'client-thread-'));
  const topology = planTopology(loadEnvironment('single'));
  environment = await localSubstrate({ stateDir: join(dir, 'state') }).apply(topology, { ephemeral: true });
});
afterAll(async () => {
  await Promise.allSettled([...open].map((thread) => thread.close()));
  expect(glideSockets()).toHaveLength(1);
  removeGlideSocket();
  expect(glideSockets()).toEqual([]);
  await environment?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

function started(client: ClientName) {
  const clock = openClock();
  const events: { readonly name: string; readonly atUs: number }[] = [];
  const failures: Error[] = [];
  const settings = { ...environment.topology.environment.client, ...PATIENT_LIMITS };
  const thread = openClientThread({
    spec: clientSpec(client, environment.endpoints, settings),
    originNs: clock.originNs,
    onEvent: (event) => events.push(event),
    onFailure: (error) => failures.push(error),
  });
  open.add(thread);
  return { thread, clock, events, failures };
}

it.each(CLIENT_NAMES)(
  'a client in a thread returns the same replies as %s, with times measured in its thread',
  async (client) => {
    const { thread, clock, failures } = started(client);
    await thread.ready();
    expect(thread.physicalKey('a')).toBe(`${environment.topology.environment.client.namespace}:a`);
    expect([thread.durable, thread.encoding]).toEqual(client === 'kit' ? [true, 'envelope'] : [false, 'raw']);
    const key = `answers:${client}`;
    const askedUs = clock.nowUs();
    expect(await thread.set(key, padValue('v1', 500), 'async')).toMatchObject({ source: 'redis' });
    const answer = await thread.get(key);
    expect(answer).toMatchObject({ source: 'redis', value: 'v1' });
    expect(answer.atUs).toBeGreaterThan(askedUs);
    expect(answer.atUs).toBeLessThanOrEqual(clock.nowUs());
    expect(await thread.getMany([key, 'absent'])).toMatchObject({ value: '1', values: ['v1', null] });
    expect(await thread.getOrCompute(`${key}:computed`, async () => 'loaded')).toMatchObject({
      value: 'loaded',
    });
    await thread.close();
    expect(failures).toEqual([]);
  },
);

it.each(CLIENT_NAMES.filter((name) => name !== 'kit'))(
  'a command that Redis refuses is reported as failed by %s',
  async (client) => {
    const { thread } = started(client);
    await thread.ready();
    const failureOf = (operation: Promise<unknown>) =>
      operation.then(
        () => undefined,
        (error: unknown) => thread.failure('incr', error),
      );
    await thread.setMany(new Map([[`text:${client}`, 'no number']]));
    expect(await thread.append(`text:${client}`, '!')).toMatchObject({ value: '10' });
    expect(await failureOf(thread.incr(`text:${client}`))).toMatchObject({
      type: 'fail',
      message: expect.stringContaining('not an integer'),
    });
    await thread.close();
  },
);

it('a failed operation keeps the client error, including a loader error', async () => {
  const { thread } = started('kit');
  await thread.ready();
  const refused = await thread.incr('~reserved').catch((error: unknown) => thread.failure('incr', error));
  expect(refused).toMatchObject({ type: 'fail', code: 'CONFIGURATION', atUs: expect.any(Number) });
  const broken = await thread
    .getOrCompute('broken', () => Promise.reject(new Error('the loader is broken')))
    .catch((error: unknown) => thread.failure('getOrCompute', error));
  expect(broken).toMatchObject({ message: expect.stringContaining('the loader is broken') });
  await thread.close();
});

it('events of the client are forwarded with the id of its thread', async () => {
  const { thread, events } = started('ioredis');
  await thread.ready();
  await expect.poll(() => events.map(({ name }) => name)).toContain('ready');
  const { thread: path } = thread;
  if (process.platform === 'linux') expect(readFileSync(path as string, 'utf8')).toMatch(/^\d+ \d+ \d+$/m);
  else expect(path).toBeUndefined();
  await thread.close();
});

// The test compares CPU time instead of elapsed time, because CPU time is the same on a busy machine.
it.skipIf(process.platform !== 'linux')('the work of the client runs in the client’s thread', async () => {
  const { thread } = started('kit');
  await thread.ready();
  const keys = Array.from({ length: 100 }, (_, n) => `large:${n}`);
  await thread.setMany(new Map(keys.map((key) => [key, padValue(key, 16_384)])));
  const ranMs = (path: string) => Number(readFileSync(path, 'utf8').split(' ')[0]) / 1e6;
  const client = thread.thread as string;
  const own = '/proc/thread-self/schedstat';
  const before = [ranMs(client), ranMs(own)] as const;
  for (let i = 0; i < 30; i++) expect(await thread.getMany(keys)).toMatchObject({ values: keys });
  const [clientMs, ownMs] = [ranMs(client) - before[0], ranMs(own) - before[1]];
  expect(clientMs).toBeGreaterThan(3 * ownMs);
  await thread.close();
});

it('the generator fails when the client’s thread exits', async () => {
  const clock = openClock();
  const spec = clientSpec('kit', environment.endpoints, environment.topology.environment.client);
  const failures: Error[] = [];
  const thread = openClientThread({
    // No client accepts these settings, so opening the client throws.
    spec: { ...spec, settings: { ...spec.settings, namespace: '' } },
    originNs: clock.originNs,
    onEvent: () => undefined,
    onFailure: (error) => failures.push(error),
  });
  open.add(thread);
  await expect(thread.ready()).rejects.toThrow();
  await expect.poll(() => failures.length).toBeGreaterThan(0);
});
