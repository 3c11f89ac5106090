import { expect, it } from 'vitest';
import { openClock } from '../../../harness/history/clock.ts';
import type { HistoryEvent } from '../../../harness/history/events.ts';
import { sampleNodeInfo } from '../../../harness/samplers/node-info.ts';
import type { SamplerContext } from '../../../harness/samplers/sampler.ts';

/** Samples a node that replies to INFO with the given text. Real servers have all the fields that the tests omit. */
async function sampleOf(text: string): Promise<Readonly<Record<string, unknown>>> {
  const events: HistoryEvent[] = [];
  const admin = { info: async () => text };
  const context = {
    environment: { topology: { redis: [{ id: 'redis-1' }] }, admin: async () => admin },
    clock: openClock(),
    recorder: { record: (event: HistoryEvent) => events.push(event) },
  } as unknown as SamplerContext;
  await sampleNodeInfo(context).stop();
  const [event] = events;
  return event?.type === 'observe' ? (event.data ?? {}) : {};
}

it('a field that INFO lacks is recorded as null, not as 0', async () => {
  const data = await sampleOf('role:master\r\nused_memory:1000\r\nmaxmemory:\r\n');
  expect(data).toMatchObject({ role: 'master', usedMemory: 1000, maxmemory: null, evictedKeys: null });
  expect(data).toMatchObject({ lagSeconds: null, connectedReplicas: null });
});

it('a 0 in INFO is recorded as 0, and the longest lag of all replicas is recorded for a master', async () => {
  const slave = (lag: number) => `ip=127.0.0.2,port=1,state=online,offset=1,lag=${lag}`;
  const data = await sampleOf(
    `role:master\r\nmaxmemory:0\r\nevicted_keys:0\r\nconnected_slaves:2\r\nslave0:${slave(0)}\r\nslave1:${slave(3)}\r\n`,
  );
  expect(data).toMatchObject({ maxmemory: 0, evictedKeys: 0, connectedReplicas: 2, lagSeconds: 3 });
});
