import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CacheAnalytics } from '../../../client/extras/analytics/index.ts';
import { llmCache } from '../../../client/extras/llm.ts';
import { type Cache, memoryCache, redisCache } from '../../../client/index.ts';
import { endAfterEachTest } from '../../support/end-after-test.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

let redis: RedisProcess;
const { closeAfterTest } = endAfterEachTest();
beforeAll(async () => {
  redis = await RedisProcess.start();
});
afterAll(() => redis[Symbol.asyncDispose]());
describe.each<[string, () => Cache]>([
  ['in Redis', () => redisCache({ address: redis.address, namespace: `llm${Math.random()}` })],
  ['in memory', () => memoryCache()],
])('responses of language models %s', (_, open) => {
  it('are cached for the same model, prompt and parameters', async () => {
    const cache = closeAfterTest(open());
    await cache.ping();
    const llm = llmCache(cache, { ttlSeconds: 60 });
    let calls = 0;
    const call = async () => ({ response: `answer ${++calls}`, metadata: { tokens: 150 } });
    const request = { model: 'gpt-4o-mini', prompt: 'Why?', params: { temperature: 0.7 } };
    const first = await llm.ask(request, call);
    expect(first).toEqual({
      response: 'answer 1',
      model: 'gpt-4o-mini',
      timestamp: first.timestamp,
      metadata: { tokens: 150 },
      cached: false,
    });
    expect(Math.abs(first.timestamp - Date.now() / 1000)).toBeLessThan(5);
    await waitUntil('the answer is stored', async () => (await llm.peek(request)) !== undefined);
    expect(await llm.ask({ ...request, params: { temperature: 0.7, seed: undefined } }, call)).toEqual({
      ...first,
      cached: true,
    });
    expect((await llm.ask({ ...request, params: { temperature: 0.1 } }, call)).response).toBe('answer 2');
    expect((await llm.ask({ ...request, model: 'gpt-4o' }, call)).response).toBe('answer 3');
  });

  it('are invalidated by their own model, and by no other model', async () => {
    const cache = closeAfterTest(open());
    await cache.ping();
    const llm = llmCache(cache);
    const requests = ['llama3:8b', 'llama3:70b', 'org/*'].map((model) => ({ model, prompt: 'x' }));
    for (const request of requests) {
      await llm.ask(request, () => ({ response: request.model }));
      await waitUntil('the answer is stored', async () => (await llm.peek(request)) !== undefined);
    }
    await llm.invalidateModel('llama3:8b');
    expect(
      (await Promise.all(requests.map((request) => llm.peek(request)))).map((answer) => answer?.response),
    ).toEqual([undefined, 'llama3:70b', 'org/*']);
    expect(await llm.forget(requests[1] as (typeof requests)[0])).toBe(true);
    expect(await llm.peek(requests[1] as (typeof requests)[0])).toBeUndefined();
  });

  it('are requested again after an error, or if the stored entry has a different shape', async () => {
    const cache = closeAfterTest(open());
    await cache.ping();
    const llm = llmCache(cache);
    const request = { model: 'm', prompt: ['system', 'user'] };
    await expect(llm.ask(request, () => Promise.reject(new Error('overloaded')))).rejects.toThrowError(
      'overloaded',
    );
    await cache.set(llm.keyOf(request), { text: 'no answer' });
    expect(await llm.ask(request, () => ({ response: 'yes' }))).toMatchObject({
      response: 'yes',
      cached: false,
    });
  });
});

it('LLM keys contain the model, so that analytics can group by it', async () => {
  const over = closeAfterTest(memoryCache());
  const analytics = new CacheAnalytics(over);
  const llm = llmCache(analytics.cache);
  await llm.ask({ model: 'llama3:8b', prompt: 'x' }, () => ({ response: 'y' }));
  expect(llm.keyOf({ model: 'llama3:8b', prompt: 'x' })).toMatch(/^llm\.llama3%3A8b:cache:[0-9a-f]{16}$/);
  expect(analytics.report().groups).toMatchObject([{ group: 'llm.llama3%3A8b', misses: 1, loads: 1 }]);
  analytics.close();
});
