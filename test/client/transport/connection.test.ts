import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Transactions } from '../../../client/functions/transactions.ts';
import {
  ClosedError,
  CommandError,
  connect,
  NotSentError,
  OutcomeUnknownError,
  TimeoutError,
} from '../../../client/index.ts';
import type { CacheConnection } from '../../../client/transport/cache-connection.ts';
import type { ConnectionEvent, StandaloneOptions, SupervisedConnection } from '../../../client/types.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';
import { WriteLoop } from '../../support/writer.ts';

describe('the supervised connection to one server', () => {
  let redis: RedisProcess;
  let replica: RedisProcess;
  let connection: SupervisedConnection | undefined;
  let events: ConnectionEvent[];
  const host = '127.61.0.2';

  beforeAll(async () => {
    redis = await RedisProcess.start({ host, password: 'secret' });
    const { port } = redis.address;
    replica = await RedisProcess.start({ host, password: 'secret', conf: [`replicaof ${host} ${port}`] });
    await waitUntil('the replica is in sync', async () =>
      /slave0:.*state=online/.test(await redis.admin().info('replication')),
    );
  });
  afterEach(async () => {
    redis.resume();
    await connection?.close();
  });
  afterAll(async () => {
    await replica[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
  });

  function open(options: Partial<StandaloneOptions> = {}): SupervisedConnection {
    const opened = connect({ mode: 'standalone', address: redis.address, password: 'secret', ...options });
    events = [];
    opened.on((event) => events.push(event));
    connection = opened;
    return opened;
  }

  it('sends commands, and throws error replies with their code', async () => {
    const c = open();
    expect(await c.call('SET', 'k', 'ü')).toBe('OK');
    expect(await c.callBuffer('GET', 'k')).toEqual(Buffer.from('ü'));
    await expect(c.call('LPUSH', 'k', 'x')).rejects.toMatchObject({
      code: 'WRONGTYPE',
      outcome: 'not-applied',
    });
    await expect(c.call('NONSENSE')).rejects.toThrowError(CommandError);
    expect(c.current()?.status).toBe('ready');
    expect(c.state).toMatchObject({ kind: 'ready', master: redis.address });
  });

  it('reports to waiting callers why there is no connection', async () => {
    const c = open({ password: 'wrong', commandTimeoutMs: 200 });
    await expect(c.call('GET', 'k')).rejects.toThrowError(/WRONGPASS/);
    await c.close();
    await expect(open({ db: 99, commandTimeoutMs: 200 }).call('SET', 'k', 1)).rejects.toThrowError(
      /out of range/,
    );
  });

  it('settles waiting calls on close, and rejects later ones', async () => {
    const c = connect({ mode: 'standalone', address: { host, port: 1 } });
    const waiting = [
      c.call('GET', 'k'),
      c.call('SET', 'k', 1),
      c.callDurable({ replicas: 1, timeoutMs: 10 }, 'SET', 'k', 1),
    ];
    const settled = Promise.allSettled(waiting);
    await c.close();
    for (const result of await settled) expect(result).toMatchObject({ reason: expect.any(ClosedError) });
    await expect(c.call('GET', 'k')).rejects.toThrowError(ClosedError);
    expect(c.state.kind).toBe('closed');
    await c.close();
  });

  it('reports an unknown outcome for writes that are in flight on close', async () => {
    const c = open();
    await c.call('PING');
    redis.pause();
    const settled = Promise.allSettled([c.call('INCR', 'closed'), c.call('GET', 'closed')]);
    await c.close();
    expect((await settled).map((result) => result.status === 'rejected' && result.reason.name)).toEqual([
      'OutcomeUnknownError',
      'ClosedError',
    ]);
  });

  it('detects a hang, sends no new commands during the hang, and continues after it', async () => {
    const c = open({ commandTimeoutMs: 400 });
    await c.call('PING');
    redis.pause();
    const sent = [c.call('INCR', 'hang:sent'), c.call('GET', 'hang:sent')];
    const outcomes = Promise.allSettled(sent);
    await waitUntil('the hang is suspected', () => c.state.kind === 'suspect');
    const held = c.call('INCR', 'hang:held');
    await expect(held).rejects.toThrowError(NotSentError);
    const [write, read] = await outcomes;
    expect(write).toMatchObject({ reason: expect.any(OutcomeUnknownError) });
    expect(read).toMatchObject({ reason: expect.any(TimeoutError) });
    redis.resume();
    await waitUntil('the connection is ready again', () => c.state.kind === 'ready');
    expect(await c.call('MGET', 'hang:sent', 'hang:held')).toEqual(['1', null]);
  });

  it('detects a hang without commands in flight', async () => {
    const c = open();
    await c.call('PING');
    redis.pause();
    await waitUntil('the hang is suspected', () => c.state.kind === 'suspect', 3000);
  });

  it('applies no write twice after a stall, and reports the outcome of unanswered writes as unknown', async () => {
    const c = open();
    const writer = new WriteLoop(c, { prefix: 'stall' });
    await waitUntil('writes are acknowledged', () => writer.acknowledged > 20);
    redis.pause();
    await waitUntil('some writes are not acknowledged', () => (writer.errors.OUTCOME_UNKNOWN ?? 0) > 0);
    redis.resume();
    const seen = writer.acknowledged;
    await waitUntil('writes are acknowledged again', () => writer.acknowledged > seen + 50);
    await writer.stop();
    const keys = await redis.admin().keys('stall:*');
    expect((await redis.admin().mget(...keys)).every((value) => value === 'x')).toBe(true);
  });

  it('replaces a connection that receives no replies while the server replies to other connections', async () => {
    const c = open({ commandTimeoutMs: 500 });
    await c.call('PING');
    // Writes are paused, so this connection waits for a reply; the server itself is healthy.
    await redis.admin().call('CLIENT', 'PAUSE', '60000', 'WRITE');
    try {
      await expect(c.call('SET', 'stuck', 1)).rejects.toThrowError(OutcomeUnknownError);
      await waitUntil(
        'a new connection is ready',
        () => events.filter(({ type }) => type === 'ready').length > 1,
      );
      expect(await c.call('GET', 'absent')).toBeNull();
    } finally {
      await redis.admin().call('CLIENT', 'UNPAUSE');
    }
  });

  it('recovers soon after a crash and restart', async () => {
    const c = open();
    await c.call('PING');
    await redis.kill();
    await waitUntil('the loss is detected', () => c.state.kind === 'connecting');
    await redis.start();
    // Bounded by commandTimeoutMs.
    expect(await c.call('PING')).toBe('PONG');
  });

  it('shares one WAIT among many writers, and separates writes with different durabilities', async () => {
    const c = open();
    // Redis reports `state=online` while the replica is still loading. Only a confirmation shows that it is in sync.
    await waitUntil('the replica confirms', () =>
      c.callDurable({ replicas: 1, timeoutMs: 1000 }, 'SET', 'warm', 1).then(
        () => true,
        () => false,
      ),
    );
    await redis.admin().config('RESETSTAT');
    const one = { replicas: 1, timeoutMs: 5000 };
    const writes = Array.from({ length: 100 }, (_, i) => c.callDurable(one, 'INCR', `durable:${i}`));
    const impossible = c.callDurable({ replicas: 3, timeoutMs: 2000 }, 'INCR', 'durable:3');
    const wrongType = c.callDurable(one, 'LPUSH', 'warm', 1);
    await expect(wrongType).rejects.toMatchObject({ code: 'WRONGTYPE' });
    await expect(impossible).rejects.toMatchObject({ code: 'DURABILITY', confirmed: 1 });
    for (const result of await Promise.all(writes)) expect(result.replicas).toBe(1);
    const calls = /cmdstat_wait:calls=(\d+)/.exec(await redis.admin().info('commandstats'))?.[1];
    expect(Number(calls)).toBeLessThanOrEqual(3);
  });

  it('reports an unknown outcome for durable writes that hang', async () => {
    const c = open({ commandTimeoutMs: 300 });
    await c.callDurable({ replicas: 1, timeoutMs: 1000 }, 'SET', 'warm', 1);
    redis.pause();
    const write = c.callDurable({ replicas: 1, timeoutMs: 100 }, 'INCR', 'durable:hang');
    await expect(write).rejects.toThrowError(OutcomeUnknownError);
    await expect(c.callDurable({ replicas: 1, timeoutMs: 100 }, 'INCR', 'durable:hang')).rejects.toThrowError(
      NotSentError,
    );
    redis.resume();
    await waitUntil('the connection is ready again', () => c.state.kind === 'ready');
    await waitUntil('the write was applied once', async () => (await c.call('GET', 'durable:hang')) === '1');
  });

  it('waits for the replicas that a write needs, and reports missing replicas', async () => {
    const c = open({ commandTimeoutMs: 1_500 });
    await c.call('PING');
    const durable = { replicas: 1, timeoutMs: 100 };
    await redis.admin().config('SET', 'min-replicas-to-write', '2');
    const refused = await Promise.allSettled([
      c.call('SET', 'few', 1),
      c.call('SET', 'few', 1),
      c.callDurable(durable, 'SET', 'few', 1),
    ]);
    for (const result of refused) expect(result).toMatchObject({ reason: { code: 'NOREPLICAS' } });
    const waiting = [
      c.call('INCR', 'enough'),
      c.call('INCR', 'enough'),
      c.callDurable(durable, 'INCR', 'enough'),
    ];
    await redis.admin().config('SET', 'min-replicas-to-write', '0');
    await Promise.all(waiting);
    expect(await c.call('GET', 'enough')).toBe('3');
    await redis.admin().config('SET', 'min-replicas-to-write', '2');
    const last = expect(c.call('SET', 'few', 1)).rejects.toMatchObject({ code: 'NOREPLICAS' });
    await c.call('PING');
    await c.close();
    await last;
    await redis.admin().config('SET', 'min-replicas-to-write', '0');
  });

  it('keeps the order of writes that wait for replicas', async () => {
    const c = open({ commandTimeoutMs: 3000 });
    await c.call('PING');
    await redis.admin().config('RESETSTAT');
    await redis.admin().config('SET', 'min-replicas-to-write', '2');
    const writes = ['a', 'b', 'c', 'd', 'e'].map((letter) => c.call('APPEND', 'ordered', letter));
    await waitUntil('the first write was retried several times', async () => {
      const refused = /NOREPLICAS:count=(\d+)/.exec(await redis.admin().info('errorstats'))?.[1];
      return Number(refused) >= 12;
    });
    await redis.admin().config('SET', 'min-replicas-to-write', '0');
    await Promise.all(writes);
    expect(await c.call('GET', 'ordered')).toBe('abcde');
  });

  it('reads from a server that cannot save and therefore rejects writes and PING', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kit-misconf-'));
    await using full = await RedisProcess.start({ password: 'secret', conf: [`dir ${dir}`, 'save 3600 1'] });
    const admin = full.admin();
    await admin.set('k', 'v');
    rmSync(dir, { recursive: true });
    await admin.bgsave().catch(() => {});
    await waitUntil('the server refuses PING', () =>
      admin.ping().then(
        () => false,
        (error: Error) => error.message.startsWith('MISCONF'),
      ),
    );
    const c = open({ address: full.address });
    expect(await c.call('GET', 'k')).toBe('v');
    await expect(c.call('SET', 'k', 'w')).rejects.toMatchObject({ code: 'MISCONF', outcome: 'not-applied' });
    expect(c.state.kind).toBe('ready');
    await c.close();
  });

  it('rejects commands when 10,000 commands are already waiting', async () => {
    const c = connect({ mode: 'standalone', address: { host, port: 1 }, commandTimeoutMs: 5000 });
    const calls = Array.from({ length: 10_001 }, () => c.call('GET', 'k'));
    const settled = Promise.allSettled(calls);
    await expect(calls.at(-1)).rejects.toThrowError(/10000 commands are already waiting/);
    await c.close();
    await settled;
  });

  it('keeps at most maxInFlight commands in flight', async () => {
    const c = open({ maxInFlight: 3 });
    await c.call('PING');
    redis.pause();
    const sent = Promise.allSettled(['a', 'b', 'c'].map((key) => c.call('GET', key)));
    const refused = c.call('GET', 'd');
    await expect(refused).rejects.toThrowError(NotSentError);
    await expect(refused).rejects.toThrowError(/GET: 3 commands are already waiting for a reply/);
    redis.resume();
    expect((await sent).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect(await c.call('GET', 'd')).toBeNull();
  });

  it('accepts all commands of a sequence even at maxInFlight, so no MULTI is sent without its EXEC', async () => {
    const c = open({ maxInFlight: 20 }) as CacheConnection;
    await c.call('SET', 'k', 'before');
    let crowd: Promise<unknown> | undefined;
    const written = new Transactions(c).run({
      keys: ['k'],
      looks: [['GET', 'k']],
      decide: () => {
        crowd = Promise.allSettled(Array.from({ length: 18 }, () => c.call('PING')));
        return [['SET', 'k', 'after']];
      },
    });
    expect(await written).toBe(true);
    await crowd;
    expect(await c.call('GET', 'k')).toBe('after');
  });

  it('reports an unknown outcome for a script that failed after a write', async () => {
    const c = open();
    const script = "redis.call('SET', KEYS[1], 1) return redis.call('LPUSH', KEYS[1], 1)";
    await expect(c.call('EVAL', script, 1, 'script')).rejects.toMatchObject({
      code: 'WRONGTYPE',
      outcome: 'unknown',
      retryable: false,
    });
    expect(await c.call('GET', 'script')).toBe('1');
    const refused = [
      c.call('EVAL', 'return 1'),
      c.call('EVALSHA', 'f'.repeat(40), 0),
      c.call('FCALL', 'absent', 0),
      c.call('EXEC'),
    ];
    for (const call of refused) await expect(call).rejects.toMatchObject({ outcome: 'not-applied' });
  });

  it('waits for a demoted server to be promoted again', async () => {
    const c = open();
    await c.call('PING');
    await redis.admin().replicaof(host, String(replica.address.port));
    const write = c.call('SET', 'demoted', 1);
    await redis.admin().replicaof('NO', 'ONE');
    expect(await write).toBe('OK');
  });
});

describe('an unsupervised connection', () => {
  it('implements the interface of a supervised connection', async () => {
    await using redis = await RedisProcess.start({ host: '127.61.0.3' });
    const c = connect({ mode: 'standalone', address: redis.address, supervision: false });
    const types: string[] = [];
    c.on(({ type }) => types.push(type));
    expect(await c.call('SET', 'k', 'v')).toBe('OK');
    expect(await c.callBuffer('GET', 'k')).toEqual(Buffer.from('v'));
    await expect(c.call('LPUSH', 'k', 'x')).rejects.toThrowError(CommandError);
    const durable = c.callDurable({ replicas: 1, timeoutMs: 20 }, 'SET', 'k', 'v');
    await expect(durable).rejects.toMatchObject({ code: 'DURABILITY' });
    await expect(c.callDurable({ replicas: 1, timeoutMs: 20 }, 'LPUSH', 'k', 'v')).rejects.toThrowError(
      CommandError,
    );
    expect(c.state).toMatchObject({ kind: 'ready', master: redis.address });
    await redis.kill();
    await waitUntil('the loss is detected', () => types.includes('lost'));
    const settled = Promise.allSettled([c.call('GET', 'k'), c.call('SET', 'k', 'v')]);
    await c.close();
    await c.close();
    expect((await settled).map((result) => result.status === 'rejected' && result.reason.name)).toEqual([
      'TimeoutError',
      'OutcomeUnknownError',
    ]);
    expect(types).toEqual(['ready', 'lost', 'closed']);
  });
});
