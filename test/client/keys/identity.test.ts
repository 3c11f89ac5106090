/** Names that Redis would store in a different form are refused wherever a name is accepted. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeEnvelope } from '../../../client/envelope.ts';
import { llmCache } from '../../../client/extras/llm.ts';
import {
  buildKey,
  buildResponseKey,
  type Cache,
  ConfigurationError,
  memoryCache,
  redisCache,
  sentinelCache,
} from '../../../client/index.ts';
import { NAME_MAX } from '../../../client/keys/identity.ts';
import { RedisProcess } from '../../support/redis-process.ts';

const HALF = 'a\ud800';
const OTHER_HALF = 'a\udc00';

/** Turns a thrown refusal into a rejected promise. */
const outcome = async (use: () => unknown): Promise<unknown> => use();

let redis: RedisProcess;
let cache: Cache;
beforeAll(async () => {
  redis = await RedisProcess.start();
  cache = redisCache({ address: redis.address, namespace: 'identity' });
  await cache.ping();
});
afterAll(async () => {
  await cache.close();
  await redis[Symbol.asyncDispose]();
});

describe('a lone surrogate', () => {
  it('has the same bytes on the wire as any other lone surrogate', () => {
    expect(Buffer.from(HALF)).toEqual(Buffer.from(OTHER_HALF));
  });

  it.each<[string, (name: string) => unknown]>([
    ['get', (key) => cache.get(key)],
    ['set', (key) => cache.set(key, 1)],
    ['setIfAbsent', (key) => cache.setIfAbsent(key, 1)],
    ['setMany', (key) => cache.setMany(new Map([[key, 1]]))],
    ['getMany', (key) => cache.getMany([key])],
    ['lookupMany', (key) => cache.lookupMany([key])],
    ['delete', (key) => cache.delete('fine', key)],
    ['exists', (key) => cache.exists(key)],
    ['ttl', (key) => cache.ttl(key)],
    ['expire', (key) => cache.expire(key, 1)],
    ['getWithTtl', (key) => cache.getWithTtl(key)],
    ['getOrCompute', (key) => cache.getOrCompute(key, () => 1)],
    ['getOrComputeMany', (key) => cache.getOrComputeMany([key], () => new Map())],
    ['physicalKey', (key) => cache.physicalKey(key)],
    ['a tag of a set', (tag) => cache.set('k', 1, { tags: [tag] })],
    ['a tag of a load', (tag) => cache.getOrCompute('k2', () => 1, { tags: [tag] })],
    ['invalidateTags', (tag) => cache.invalidateTags(tag)],
    ['invalidate', (name) => cache.invalidation.invalidate({ keys: [name] })],
    ['pattern', (pattern) => cache.invalidation.pattern(`${pattern}*`)],
    ['depend', (key) => cache.invalidation.depend('k', [key])],
    ['a key that depends', (key) => cache.invalidation.depend(key, ['k'])],
    ['schemaId of a set', (schemaId) => cache.set('k', 1, { schemaId })],
    [
      'schemaId of a get',
      async (schemaId) => {
        await cache.set('shape', 1);
        return cache.get('shape', { schemaId });
      },
    ],
    ['the namespace', (namespace) => memoryCache({ namespace })],
    ['a prefix of the first tier', (prefix) => memoryCache({ l1: { prefixes: [prefix] } })],
    ['a domain', (name) => memoryCache({ domains: { [name]: ['*'] } })],
    ['a pattern of a domain', (pattern) => memoryCache({ domains: { all: [pattern] } })],
    [
      'the service of sentinels',
      (serviceName) => sentinelCache({ serviceName, sentinels: [{ host: '127.0.0.1', port: 1 }] }),
    ],
    ['buildKey', (domain) => buildKey(domain, 1)],
    ['the namespace of buildKey', (namespace) => buildKey('d', 1, { namespace })],
    ['the shape of buildKey', (schemaId) => buildKey('d', 1, { schemaId })],
    ['buildResponseKey', (prefix) => buildResponseKey(prefix, 1)],
    ['an envelope', (schemaId) => encodeEnvelope(1, { schemaId })],
    ['a language model', (model) => llmCache(cache).keyOf({ model, prompt: 'x' })],
  ])('is rejected: %s', async (_, use) => {
    for (const name of [HALF, OTHER_HALF, '\udc00\ud800'])
      await expect(outcome(() => use(name))).rejects.toThrowError(ConfigurationError);
    await expect(outcome(() => use(HALF))).rejects.toThrowError(/"a\\ud800.*lone surrogate/);
  });

  it('is accepted inside the input of a key, which is hashed unchanged', () => {
    expect(buildKey('d', HALF)).not.toBe(buildKey('d', OTHER_HALF));
  });

  it('is distinguished from a surrogate pair, which names may contain', async () => {
    await cache.set('\ud83d\ude00', 1, { tags: ['\ud83d\ude00'] });
    expect(await cache.get('\ud83d\ude00')).toBe(1);
  });
});

describe('the length of a name', () => {
  it('is limited, and names of the maximum length are accepted', async () => {
    const longest = 'k'.repeat(NAME_MAX);
    await cache.set(longest, 1, { tags: [longest] });
    expect(await cache.get(longest)).toBe(1);
    await expect(cache.set(`${longest}k`, 1)).rejects.toThrowError(
      /^key: "kkkk.*… has 65537 characters, at most 65536 are allowed/,
    );
    await expect(cache.set('k', 1, { tags: [`${longest}k`] })).rejects.toThrowError(/^tag: /);
  });
});
