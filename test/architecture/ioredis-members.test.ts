import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { hiddenMembers, hiddenMemberUses } from './ioredis-members.ts';

const declarations = readFileSync(createRequire(import.meta.url).resolve('ioredis/built/Redis.d.ts'), 'utf8');
const uses = (text: string, path = 'client/transport/link.ts') =>
  hiddenMemberUses(declarations, [{ path, text: `import { Redis } from 'ioredis';\n${text}` }]);

it('the client uses no private member of ioredis', () => {
  const files = readdirSync('client', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !/^(?:dist|node_modules)\//.test(path))
    .map((path) => ({ path: `client/${path}`, text: readFileSync(`client/${path}`, 'utf8') }));
  expect(files.length).toBeGreaterThan(100);
  expect(hiddenMemberUses(declarations, files)).toEqual([]);
});

it('the hidden members are read from the declarations of ioredis', () => {
  const members = hiddenMembers(declarations);
  for (const name of ['commandQueue', 'offlineQueue', 'connector', 'stream', 'condition', 'sendCommand'])
    expect(members).toContain(name);
  for (const name of ['status', 'options', 'connect', 'disconnect', 'duplicate', 'mode', 'on'])
    expect(members).not.toContain(name);
});

it.each([
  'redis.commandQueue.shift();',
  "redis.stream.prependListener('data', read);",
  'redis.sendCommand(command);',
  'this.redis?.offlineQueue',
  "redis['commandQueue']",
  'redis as unknown as Internals',
  "Reflect.get(redis, 'connector')",
])('the check reports %s', (text) => {
  expect(uses(text)).toHaveLength(1);
});

it.each(["redis.call('GET', 'k')", 'redis.status', "redis.on('close', f)", 'redis.disconnect()'])(
  'the check accepts %s',
  (text) => {
    expect(uses(text)).toEqual([]);
  },
);

it('the check reports only client files', () => {
  expect(uses('redis.commandQueue', 'test/client/a.test.ts')).toEqual([]);
});
