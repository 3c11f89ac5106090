/**
 * How a connection runs the steps of a load, depending on the server and the user, and the commands that detect the
 * mode.
 */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveCache } from '../../../client/cache/options.ts';
import { encodePlaceholder } from '../../../client/codec/placeholder.ts';
import { ABSENT, type Mode } from '../../../client/functions/procedures.ts';
import { LIBRARY, SCRIPT, SCRIPT_SHA1 } from '../../../client/functions/source.ts';
import { RedisProcess } from '../../support/redis-process.ts';
import { LeaseParty, loadLibrary, SCRIPTING } from './lease-party.ts';

let redis: RedisProcess;
const parties: LeaseParty[] = [];
beforeAll(async () => {
  redis = await RedisProcess.start();
});
beforeEach(async () => {
  await redis.admin().flushall();
  await redis.admin().call('FUNCTION', 'FLUSH');
  await redis.admin().script('FLUSH');
});
afterEach(async () => {
  for (const party of parties.splice(0)) await party[Symbol.asyncDispose]();
});
afterAll(() => redis[Symbol.asyncDispose]());

async function open(rules?: readonly string[], way: Mode = 'functions'): Promise<LeaseParty> {
  if (rules)
    await redis.admin().call('ACL', 'SETUSER', 'u', 'reset', 'on', '>u', '~*', '&*', '+@all', ...rules);
  const party = new LeaseParty(redis, { way, ...(rules && { username: 'u' }) });
  parties.push(party);
  await party.remote.ping();
  return party;
}
const fetch = (party: LeaseParty, key = 'ns:k'): Promise<unknown> =>
  party.remote.procedures.run('fetch', [key], [encodePlaceholder('f'.repeat(16)), 1000]);

/** Names of the commands that the connection is asked to send. MONITOR does not show commands that Redis denies. */
function requests(party: LeaseParty): string[] {
  const names: string[] = [];
  const { connection } = party;
  const request = connection.request.bind(connection);
  vi.spyOn(connection, 'request').mockImplementation((name, args, options) => {
    names.push(name);
    return request(name, args, options);
  });
  return names;
}

it('the client contains the text of the library that provisioning loads', () => {
  const file = new URL('../../../client/functions/redis_cache_kit.lua', import.meta.url);
  expect(LIBRARY).toBe(readFileSync(file, 'utf8'));
});

describe('the detection of the scripting mode', () => {
  it.each([
    ['finds the library', [], ['FCALL'], 'functions', () => loadLibrary(redis)],
    ['loads the library', [], ['FCALL', 'FUNCTION', 'FCALL'], 'functions'],
    [
      'sends the script where FUNCTION LOAD is denied',
      ['-function|load'],
      ['FCALL', 'FUNCTION', 'EVAL'],
      'scripts',
    ],
    ['sends the script where FCALL is denied', ['-fcall'], ['FCALL', 'EVAL'], 'scripts'],
    [
      'calls the script that an operator has loaded where EVAL is denied',
      ['-fcall', '-eval', '-script|load'],
      ['FCALL', 'EVAL', 'EVALSHA'],
      'scripts',
      () => redis.admin().script('LOAD', SCRIPT),
    ],
    [
      'loads the script where EVAL is denied and SCRIPT LOAD is not',
      ['-fcall', '-eval'],
      ['FCALL', 'EVAL', 'EVALSHA', 'SCRIPT', 'EVALSHA'],
      'scripts',
    ],
    [
      'falls back to plain commands where all scripting commands are denied',
      ['-@scripting'],
      ['FCALL', 'EVAL', 'EVALSHA'],
      'commands',
    ],
    [
      'falls back to plain commands where a command inside the procedure is denied',
      ['-mget'],
      ['FCALL', 'FUNCTION', 'FCALL', 'EVAL', 'EVALSHA'],
      'commands',
    ],
  ] as const)('%s', async (_, rules, expected, way, prepare?: () => Promise<unknown>) => {
    await prepare?.();
    const party = await open(rules);
    const sent = requests(party);
    const reply = await fetch(party);
    expect([party.remote.procedures.mode, sent]).toEqual([way, expected]);
    expect(reply).toBe(way === 'commands' ? ABSENT : null);
    sent.length = 0;
    await fetch(party);
    expect(sent).toEqual({ functions: ['FCALL'], scripts: ['EVALSHA'], commands: [] }[way]);
  });

  it.each([
    [
      'FCALL, EVAL and EVALSHA that are renamed',
      ['rename-command FCALL ""', 'rename-command EVAL ""', 'rename-command EVALSHA ""'],
    ],
    ['FCALL and EVAL that are renamed', ['rename-command FCALL ""', 'rename-command EVAL ""']],
    ['FCALL that is renamed', ['rename-command FCALL ""']],
    ['FUNCTION that is renamed', ['rename-command FUNCTION ""']],
  ])('treats %s as denied', async (_, conf) => {
    await using other = await RedisProcess.start({ conf });
    await using party = new LeaseParty(other);
    const handle = party.handleOf('ns:k');
    expect(await handle.fetch()).toEqual({ kind: 'mine' });
    expect(await handle.store(Buffer.from('v'), 1000)).toBe(true);
    expect(party.remote.procedures.mode).toBe(conf.length === 3 ? 'commands' : 'scripts');
  });

  it('runs once for all concurrent calls on a connection', async () => {
    const party = await open();
    const sent = requests(party);
    const keys = Array.from({ length: 50 }, (_, i) => `ns:k${i}`);
    expect(await Promise.all(keys.map((key) => fetch(party, key)))).toEqual(keys.map(() => null));
    expect(sent).toEqual(['FCALL', 'FUNCTION', 'FCALL', ...keys.slice(1).map(() => 'FCALL')]);
  });

  it('runs again after a reconnect, except that functions are called immediately', async () => {
    for (const [way, again] of [
      ['functions', ['FCALL']],
      ['scripts', ['FCALL', 'EVAL']],
      ['commands', ['FCALL']],
    ] as const) {
      await redis.admin().call('FUNCTION', 'FLUSH');
      const party = await open(undefined, way);
      await fetch(party);
      const reconnected = new Promise<void>((resolve) => {
        party.connection.on(({ type }) => type === 'ready' && resolve());
      });
      await redis.admin().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await reconnected;
      const sent = requests(party);
      await fetch(party);
      expect([way, sent]).toEqual([way, again]);
    }
  });

  it('runs again when the library or the script has been removed', async () => {
    const functions = await open();
    await fetch(functions);
    await redis.admin().call('FUNCTION', 'FLUSH');
    const sent = requests(functions);
    const keys = Array.from({ length: 20 }, (_, i) => `ns:k${i}`);
    await Promise.all(keys.map((key) => fetch(functions, key)));
    expect(functions.remote.procedures.mode).toBe('functions');
    expect(sent.filter((name) => name === 'FUNCTION')).toHaveLength(1);

    await redis.admin().call('FUNCTION', 'FLUSH');
    const scripts = await open(undefined, 'scripts');
    await fetch(scripts);
    await redis.admin().script('FLUSH');
    const scriptsSent = requests(scripts);
    await Promise.all(keys.map((key) => fetch(scripts, key)));
    expect(scripts.remote.procedures.mode).toBe('scripts');
    expect(scriptsSent.filter((name) => name === 'EVAL')).toHaveLength(1);
    expect(await redis.admin().script('EXISTS', SCRIPT_SHA1)).toEqual([1]);
  });

  it('keeps a mode if a call is rejected because of the state of the server', async () => {
    for (const way of ['functions', 'scripts'] as const) {
      await redis.admin().call('FUNCTION', 'FLUSH');
      if (way === 'functions') await loadLibrary(redis);
      const party = await open(undefined, way);
      await redis.admin().config('SET', 'min-replicas-to-write', '1');
      try {
        await expect(fetch(party)).rejects.toThrowError('NOREPLICAS');
      } finally {
        await redis.admin().config('SET', 'min-replicas-to-write', '0');
      }
      expect(await fetch(party)).toBeNull();
      expect(party.remote.procedures.mode).toBe(way);
    }
  });

  it('fails for all waiting calls when the server does not reply', async () => {
    const party = await open();
    redis.pause();
    try {
      const calls = ['ns:a', 'ns:b'].map((key) =>
        party.remote.procedures.run('fetch', [key], [encodePlaceholder('f'.repeat(16)), 1000], {
          failFast: true,
        }),
      );
      for (const call of calls) await expect(call).rejects.toThrowError(/FCALL/);
      expect(party.remote.procedures.mode).toBeUndefined();
    } finally {
      redis.resume();
    }
  });
});

describe('scripting options', () => {
  it('can prevent the client from loading functions and scripts into the server', async () => {
    const { scripting } = resolveCache({ scripting: { loadFunctions: false, evalScripts: false } });
    expect(scripting).toEqual(SCRIPTING.commands);
    const party = await open(undefined, 'commands');
    const sent = requests(party);
    expect(await fetch(party)).toBe(ABSENT);
    expect(sent).toEqual(['FCALL']);
    expect(await redis.admin().call('FUNCTION', 'LIST')).toEqual([]);
    await loadLibrary(redis);
    const next = await open(undefined, 'commands');
    expect([await fetch(next), next.remote.procedures.mode]).toEqual([null, 'functions']);
  });

  it('are rejected by name', () => {
    const scripting = { loadFunctions: 'no' as unknown as boolean };
    expect(() => resolveCache({ scripting })).toThrowError(/scripting\.loadFunctions: must .*, got "no"/);
  });
});
