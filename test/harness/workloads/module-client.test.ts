/** A client from an extension module in its thread: its commands, and the module errors that only a thread can show. */
import { createHash } from 'node:crypto';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { openClock } from '../../../harness/history/clock.ts';
import type { ClientSpec } from '../../../harness/workloads/adapter.ts';
import { type ClientThread, openClientThread } from '../../../harness/workloads/client-thread.ts';

const directory = mkdtempSync(join(tmpdir(), 'module-client-'));
const open = new Set<ClientThread>();
let modules = 0;
afterEach(async () => {
  await Promise.all([...open].map((thread) => thread.close().catch(() => undefined)));
  open.clear();
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A client backed by a map instead of Redis; `own` replaces some of its commands. */
const clientText = (own = '') => `
const stored = new Map();
const open = () => ({
  ping: async () => 'PONG',
  set: async (key, value) => void stored.set(key, value),
  get: async (key) => stored.get(key) ?? null,
  incr: async (key) => { throw new Error('WRONGTYPE of a map'); },
  append: async (key, text) => (stored.get(key) ?? '').length + text.length,
  getMany: async (keys) => keys.map((key) => stored.get(key) ?? null),
  setMany: async (entries) => entries.forEach(([key, value]) => stored.set(key, value)),
  close: async () => undefined,
  isReply: (error) => error.message.startsWith('WRONGTYPE'),
  ${own}
});
export default { name: 'ours', clients: [{ name: 'our-cache', open }] };
`;

function start(text: string, changed = '') {
  const file = join(directory, `${++modules}.mjs`);
  writeFileSync(file, text);
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
  appendFileSync(file, changed);
  const failures: string[] = [];
  const thread = openClientThread({
    spec: {
      client: 'our-cache',
      extension: { url: pathToFileURL(file).href, path: './ours.mjs', sha256 },
      settings: { namespace: 'shop', defaultTtlSeconds: 60 },
    } as unknown as ClientSpec,
    originNs: openClock().originNs,
    onEvent: () => undefined,
    onFailure: ({ message }) => failures.push(message),
  });
  open.add(thread);
  return { thread, failures };
}

describe('a client from a module', () => {
  it('uses its own commands on physical keys, and classifies its own errors', async () => {
    const { thread, failures } = start(clientText());
    await thread.ready();
    expect(thread.physicalKey('a')).toBe('shop:a');
    await thread.set('a', 'one', 'async');
    await thread.setMany(new Map([['b', 'two']]));
    expect(await thread.get('a')).toMatchObject({ source: 'redis', value: 'one' });
    expect(await thread.getMany(['a', 'b', 'c'])).toMatchObject({ value: '2', values: ['one', 'two', null] });
    const refused = await thread.incr('a').catch((error: unknown) => thread.failure('incr', error));
    expect(refused).toMatchObject({ type: 'fail', code: 'WRONGTYPE' });
    expect(failures).toEqual([]);
  });

  it('uses its own getOrCompute, and names the loader as the source only if the loader ran', async () => {
    const { thread } = start(
      clientText(
        "getOrCompute: async (key, load, ttl) => (key === 'shop:cached' ? 'kept for ' + ttl : load()),",
      ),
    );
    await thread.ready();
    const load = async () => 'loaded';
    expect(await thread.getOrCompute('cached', load)).toMatchObject({
      source: 'redis',
      value: 'kept for 60',
    });
    expect(await thread.getOrCompute('new', load)).toMatchObject({ source: 'loader', value: 'loaded' });
  });

  it.each([
    [
      'get',
      'get: async () => undefined,',
      'get must resolve with a string, or null on a miss, got undefined',
    ],
    [
      'getMany',
      'getMany: async () => [],',
      'getMany must resolve with one string or null per key, got a list of 0',
    ],
    ['append', "append: async () => '3',", 'append must resolve with an integer, got string'],
    ['getOrCompute', 'getOrCompute: async () => null,', 'getOrCompute must resolve with a string, got null'],
  ] as const)('an answer of %s that has a wrong type ends the thread', async (name, own, problem) => {
    const { thread, failures } = start(clientText(own));
    await thread.ready();
    const calls = {
      get: () => thread.get('a'),
      getMany: () => thread.getMany(['a']),
      append: () => thread.append('a', 'x'),
      getOrCompute: () => thread.getOrCompute('a', async () => 'x'),
    };
    await calls[name]().catch(() => undefined);
    await expect
      .poll(() => failures[0], { timeout: 10_000 })
      .toBe(`module ./ours.mjs: clients (our-cache): ${problem}`);
    // The thread has exited.
    open.delete(thread);
  });

  it.each([
    [
      'without a command',
      clientText('incr: undefined,'),
      '',
      /open must return commands with the functions incr$/,
    ],
    ['that no longer exists', "export default { name: 'ours' };", '', /clients has no 'our-cache'/],
    ['of a file that was changed', clientText(), '// changed', /its file was changed during the run/],
  ])('a client %s is not opened', async (_, text, changed, problem) => {
    const { thread } = start(text, changed);
    await expect(thread.ready()).rejects.toThrow(problem);
  });
});
