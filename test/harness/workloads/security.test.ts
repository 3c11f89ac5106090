/**
 * Results of the security script on a Redis that gives the app too many permissions. The trial and the drills cover a
 * secure Redis.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ScriptContext } from '../../../harness/workloads/scripted/script.ts';
import { security } from '../../../harness/workloads/scripted/security.ts';
import { RedisProcess } from '../../support/redis-process.ts';

const APP = { username: 'app', password: 'app-password' };
let redis: RedisProcess;

beforeAll(async () => {
  redis = await RedisProcess.start({ conf: ['enable-debug-command yes'] });
});
afterAll(() => redis[Symbol.asyncDispose]());

/** Records of the script by command, for the commands that are denied to the app. */
async function recorded(...rules: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
  const admin = redis.admin();
  await admin.call(
    'ACL',
    'SETUSER',
    APP.username,
    'reset',
    'on',
    `>${APP.password}`,
    '~*',
    '+@all',
    ...rules,
  );
  const seen = new Map<string, unknown>();
  const context: Partial<ScriptContext> = {
    environment: {
      admin: async () => admin,
      status: async () => [{ id: 'redis-1', address: redis.address, state: 'running' }],
    } as Partial<ScriptContext['environment']> as ScriptContext['environment'],
    spec: { app: APP, sentinel: APP } as Partial<ScriptContext['spec']> as ScriptContext['spec'],
    expect: (id, _what, { actual }) => void seen.set(id.replace('redis-1-', ''), actual),
  };
  await security.run(context as ScriptContext);
  return seen;
}

const CLOSED = ['-flushall', '-flushdb', '-eval', '-config', '-keys', '-shutdown', '-acl'];

it('the outcome is denied if the app may use none of the commands, even if other users may use DEBUG', async () => {
  const seen = await recorded(...CLOSED, '-debug');
  expect([...seen].filter(([, actual]) => actual === 'denied')).toHaveLength(8);
});

it('the outcome is allowed if the app may use DEBUG, which replies ERR to an unknown subcommand', async () => {
  const seen = await recorded(...CLOSED);
  expect(seen.get('DEBUG')).toBe('allowed');
  expect(seen.get('CONFIG')).toBe('denied');
});

it('the outcome of an allowed destructive command is determined without executing it', async () => {
  await redis.admin().set('kept', 'yes');
  const seen = await recorded();
  expect(seen.get('FLUSHALL')).toBe('allowed');
  expect(seen.get('SHUTDOWN')).toBe('allowed');
  expect(await redis.admin().get('kept')).toBe('yes');
});
