import { expect, it } from 'vitest';
import { openClock } from '../../../harness/history/clock.ts';
import type { CompletionEvent, HistoryEvent, InvokeEvent } from '../../../harness/history/events.ts';
import type { Adapter, Answer } from '../../../harness/workloads/adapter.ts';
import { Issuer, type PlannedOperation } from '../../../harness/workloads/issuer.ts';
import { latenessMeter } from '../../../harness/workloads/lateness.ts';
import { openLoop } from '../../../harness/workloads/open-loop.ts';
import { seededRandom } from '../../../harness/workloads/random.ts';

function workbench(options: { inFlightBound?: number } = {}) {
  const clock = openClock();
  const events: HistoryEvent[] = [];
  const acknowledged: InvokeEvent[] = [];
  const adapter = {
    client: 'kit',
    encoding: 'envelope',
    physicalKey: (key: string) => `ns:${key}`,
    failure: (_kind: string, error: Error) => ({ type: 'info', code: 'E', message: error.message }),
  } as unknown as Adapter;
  const record = (event: HistoryEvent) => events.push(event);
  const lateness = latenessMeter('kit', clock, record);
  const issuer = new Issuer({
    adapter,
    clock,
    record,
    lateness,
    inFlightBound: options.inFlightBound ?? 1_000,
    onAcknowledged: (invoke) => acknowledged.push(invoke),
  });
  const invokes = () => events.filter((event): event is InvokeEvent => event.type === 'invoke');
  const completions = () =>
    events.filter((event): event is CompletionEvent => ['ok', 'fail', 'info'].includes(event.type));
  return { clock, events, issuer, lateness, acknowledged, invokes, completions };
}

const operation = (
  send: () => Promise<Answer>,
  kind: PlannedOperation['kind'] = 'set',
): PlannedOperation => ({
  kind,
  key: 'k',
  value: 'v',
  send,
});
const ok = async (): Promise<Answer> => ({ source: 'redis' });
const never = () => new Promise<never>(() => undefined);

it('the open loop sends on schedule without waiting for earlier replies', async () => {
  const { clock, issuer, lateness, invokes } = workbench();
  const startUs = clock.nowUs();
  const stop = new AbortController();
  await openLoop({
    lanes: [
      { perSecond: 900, next: () => operation(never) },
      { perSecond: 100, next: () => undefined },
      { perSecond: 0, next: () => operation(never) },
    ],
    ...{ clock, issuer, startUs, random: seededRandom(1), endUs: startUs + 300_000, stopped: stop.signal },
  });
  lateness.close();
  expect(invokes().length).toBeGreaterThan(200);
  expect(invokes().length).toBeLessThan(340);
  for (const { intendedUs, atUs } of invokes()) expect(atUs).toBeGreaterThanOrEqual(intendedUs);
});

it('the open loop has the same intended times for the same seed', async () => {
  const intended = async () => {
    const { clock, issuer, lateness, invokes } = workbench();
    const startUs = clock.nowUs();
    const lanes = [{ perSecond: 500, next: () => operation(ok) }];
    const stopped = new AbortController().signal;
    await openLoop({
      lanes,
      clock,
      issuer,
      startUs,
      random: seededRandom(9),
      endUs: startUs + 50_000,
      stopped,
    });
    lateness.close();
    return invokes().map(({ intendedUs }) => intendedUs - startUs);
  };
  expect(await intended()).toEqual(await intended());
});

it('the open loop keeps every intended time when the loop itself stalls, and reports the lateness', async () => {
  const { clock, issuer, lateness, invokes, events } = workbench();
  const startUs = clock.nowUs();
  const stopped = new AbortController().signal;
  const lanes = [{ perSecond: 1_000, next: () => operation(ok) }];
  const running = openLoop({
    lanes,
    clock,
    issuer,
    startUs,
    random: seededRandom(2),
    endUs: startUs + 250_000,
    stopped,
  });
  const stalledUntil = performance.now() + 120;
  while (performance.now() < stalledUntil);
  await running;
  lateness.close();
  const total = events.find((event) => event.type === 'observe' && event.name === 'lateness-total');
  expect(total).toMatchObject({ data: { n: invokes().length } });
  expect(Math.max(...invokes().map(({ intendedUs, atUs }) => atUs - intendedUs))).toBeGreaterThan(100_000);
  expect(invokes().length).toBeGreaterThan(180);
});

it('the open loop stops immediately when requested, and does nothing if there are no lanes', async () => {
  const { clock, issuer, lateness } = workbench();
  const stop = new AbortController();
  const base = { clock, issuer, startUs: clock.nowUs(), random: seededRandom(1), stopped: stop.signal };
  const running = openLoop({ ...base, lanes: [{ perSecond: 0.001, next: () => operation(ok) }] });
  stop.abort();
  await running;
  await openLoop({ ...base, lanes: [] });
  lateness.close();
});

it('the open loop records operations beyond its in-flight limit as failed at their intended time', async () => {
  const { issuer, invokes, completions, lateness } = workbench({ inFlightBound: 2 });
  for (let i = 0; i < 3; i++) void issuer.issue(100 + i, operation(never));
  lateness.close();
  expect(invokes().map(({ intendedUs }) => intendedUs)).toEqual([100, 101, 102]);
  expect(completions()).toMatchObject([{ type: 'fail', op: 2, error: { code: 'IN_FLIGHT_BOUND' } }]);
  expect([...issuer.written.keys()]).toEqual(['ns:k']);
});

it('the open loop records the outcome of an error from the adapter, and drops results after close', async () => {
  const { issuer, completions, lateness } = workbench();
  await issuer.issue(
    1,
    operation(async () => {
      throw new Error('no answer');
    }),
  );
  const late = Promise.withResolvers<Answer>();
  const pending = issuer.issue(
    2,
    operation(() => late.promise),
  );
  await issuer.drain(10);
  issuer.close();
  late.resolve({ source: 'redis' });
  await pending;
  await issuer.issue(3, operation(ok));
  await issuer.drain(10);
  lateness.close();
  expect(completions()).toMatchObject([{ type: 'info', op: 0, error: { code: 'E', message: 'no answer' } }]);
});

it('the open loop reports exactly the writes that Redis acknowledged', async () => {
  const { issuer, acknowledged, lateness, completions } = workbench();
  await issuer.issue(1, operation(ok));
  await issuer.issue(
    2,
    operation(async () => ({ source: 'memory' })),
  );
  await issuer.issue(
    3,
    operation(async () => ({ source: 'redis', value: 'v3|padding' }), 'get'),
  );
  lateness.close();
  expect(acknowledged.map(({ intendedUs }) => intendedUs)).toEqual([1]);
  expect(completions().at(-1)?.value).toBe('v3');
});
