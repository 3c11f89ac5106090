/** Logins: credentials functions (called on each connect), rotated passwords, and servers that reject the login. */
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  ConfigurationError,
  clusterCache,
  connect,
  NotSentError,
  redisCache,
  sentinelCache,
  tieredCache,
} from '../../../client/index.ts';
import { Access } from '../../../client/transport/access.ts';
import type { ConnectionOptions, Credential } from '../../../client/types.ts';
import { startCluster } from '../../support/cluster.ts';
import { type Address, RedisProcess, startSentinelSet, waitUntil } from '../../support/redis-process.ts';

const host = '127.61.0.9';

/**
 * A user with a rotating password. After a rotation, the previous password is refused and the connections of the user
 * are closed.
 */
class Account {
  password = 'first';
  readonly #nodes: readonly RedisProcess[];
  asked = 0;

  constructor(nodes: readonly RedisProcess[]) {
    this.#nodes = nodes;
  }

  readonly username = 'app';
  readonly secret = async (): Promise<string> => {
    this.asked += 1;
    return this.password;
  };

  async set(password: string): Promise<void> {
    for (const node of this.#nodes) {
      const admin = node.admin();
      await admin.call('ACL', 'SETUSER', this.username, 'reset', 'on', `>${password}`, '~*', '&*', '+@all');
      await admin.call('CLIENT', 'KILL', 'USER', this.username);
    }
  }

  /** Changes the password on the server before the client has the new one. */
  async rotate(password: string): Promise<void> {
    await this.set(password);
    this.password = password;
  }
}

/** Open connections of the user, as lines of CLIENT LIST. */
async function connectionsOf(node: RedisProcess, user: string): Promise<readonly string[]> {
  const list = String(await node.admin().call('CLIENT', 'LIST'));
  return list.split('\n').filter((line) => line.includes(`user=${user} `));
}

describe('a password that is rotated while the client runs', () => {
  it.each([
    ['one server', {}],
    ['a pool', { poolSize: 3 }],
  ] as const)(
    'is requested again by all connections, including those of the first tier and of durable writes: %s',
    async (_, more) => {
      await using redis = await RedisProcess.start({ host });
      const { port } = redis.address;
      await using _replica = await RedisProcess.start({ host, conf: [`replicaof ${host} ${port}`] });
      const account = new Account([redis]);
      await account.set(account.password);
      const cache = tieredCache({
        address: redis.address,
        username: account.username,
        password: account.secret,
        namespace: 'rotated',
        ...more,
      });
      onTestFinished(async () => void (await cache.close()));
      const durability = { replicas: 1, timeoutMs: 1000 };
      const durable = async (): Promise<boolean> =>
        cache.set('durable', 1, { durability }).then(
          () => true,
          () => false,
        );
      await waitUntil('a durable write', durable);
      await cache.set('k', 'v');
      const tracking = async (): Promise<boolean> =>
        (await connectionsOf(redis, account.username)).some((line) => /flags=\S*t/.test(line));
      await waitUntil('the listener is connected', tracking);

      for (const password of ['second', 'third']) {
        const asked = account.asked;
        await account.rotate(password);
        await waitUntil(
          'Redis accepts writes again',
          async () => (await cache.set('w', 1)).source === 'redis',
        );
        await waitUntil('a durable write again', durable);
        await waitUntil('the listener is connected again', tracking);
        await waitUntil('the first tier serves again', async () => {
          const entry = await cache.getEntry('k');
          return entry?.source === 'l1';
        });
        expect(account.asked).toBeGreaterThan(asked);
      }
    },
  );

  it('is requested again by all connections to the data nodes and to the sentinels', async () => {
    await using set = await startSentinelSet();
    const data = new Account(set.redis);
    const watch = new Account(set.sentinels);
    await data.set(data.password);
    await watch.set(watch.password);
    const cache = sentinelCache({
      sentinels: set.sentinels.map(({ address }) => address),
      username: data.username,
      password: data.secret,
      sentinelUsername: () => watch.username,
      sentinelPassword: watch.secret,
      replicaReads: {},
      namespace: 'rotated',
    });
    onTestFinished(async () => void (await cache.close()));
    await waitUntil('Redis accepts writes', async () => (await cache.set('w', 1)).source === 'redis');
    await waitUntil('all sentinels reply', () => cache.connection?.sentinels?.()?.answering === 3);
    await data.rotate('second');
    await watch.rotate('second');
    const asked = watch.asked;
    await waitUntil('Redis accepts writes again', async () => (await cache.set('w', 2)).source === 'redis');
    await waitUntil('all sentinels are queried again', () => watch.asked > asked);
    await waitUntil('all sentinels reply again', () => cache.connection?.sentinels?.()?.answering === 3);
    // The replicas are included, because they serve reads.
    const replicas = set.redis.filter(({ address }) => {
      const { state } = cache.connection as { state: { master?: Address } };
      return address.port !== state.master?.port;
    });
    for (const replica of replicas)
      await waitUntil('the replica has a connection of the client', async () => {
        await cache.get('w');
        return (await connectionsOf(replica, data.username)).length > 0;
      });
  });

  it('is requested again by each shard of a cluster', async () => {
    await using set = await startCluster();
    const account = new Account(set.nodes);
    await account.set(account.password);
    const cache = clusterCache({
      nodes: set.nodes.map(({ address }) => address),
      username: account.username,
      password: account.secret,
      namespace: 'rotated',
    });
    onTestFinished(async () => void (await cache.close()));
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
    const all = async (): Promise<boolean> =>
      (await Promise.all(keys.map((key) => cache.set(key, key)))).every(({ source }) => source === 'redis');
    await waitUntil('all shards accept writes', all);
    await account.rotate('second');
    await waitUntil('all shards accept writes again', all, 20_000);
  });

  it('is requested again by the subscriber that waits for loads by other processes', async () => {
    await using redis = await RedisProcess.start({ host });
    const account = new Account([redis]);
    await account.set(account.password);
    const options = {
      address: redis.address,
      username: account.username,
      password: account.secret,
      namespace: 'rotated',
      compute: { replyTimeoutMs: 2000 },
    };
    const [holder, waiter] = [redisCache(options), redisCache(options)];
    onTestFinished(async () => {
      await Promise.all([holder.close(), waiter.close()]);
    });
    await account.rotate('second');
    for (const cache of [holder, waiter])
      await waitUntil('the connection is ready', async () => (await cache.set('w', 1)).source === 'redis');
    const subscribed = async (): Promise<boolean> =>
      (await connectionsOf(redis, account.username)).some((line) => / sub=1 /.test(line));
    let finish: (value: string) => void = () => {};
    const loading = holder.getOrCompute('k', () => new Promise<string>((resolve) => (finish = resolve)));
    await waitUntil('the holder has the lease', async () => (await redis.admin().exists('rotated:k')) === 1);
    const waiting = waiter.getOrCompute('k', () => 'loaded twice');
    await waitUntil('the waiter listens', subscribed);
    finish('loaded once');
    expect(await Promise.all([loading, waiting])).toEqual(['loaded once', 'loaded once']);
  });
});

describe('a credentials function', () => {
  const open = async (password: Credential, options: Partial<ConnectionOptions> = {}) => {
    const redis = await RedisProcess.start({ host, password: 'secret' });
    const connection = connect({
      mode: 'standalone',
      address: redis.address,
      password,
      commandTimeoutMs: 300,
      ...options,
    });
    onTestFinished(async () => {
      await connection.close();
      await redis[Symbol.asyncDispose]();
    });
    return connection;
  };

  it.each<[string, () => string | Promise<string>, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('no token');
      },
      /password: the function failed: no token/,
    ],
    ['rejects', () => Promise.reject(new Error('expired')), /password: the function failed: expired/],
    ['returns nothing', () => undefined as unknown as string, /password: the function returned undefined/],
    ['returns an empty string', () => '', /password: the function returned an empty string/],
    [
      'returns something else',
      () => 5 as unknown as string,
      /password: the function returned a value of type number/,
    ],
  ])('is named in the error, and not called in a tight loop, if it %s', async (_, password, reason) => {
    let asked = 0;
    const counted = (): string | Promise<string> => {
      asked += 1;
      return password();
    };
    const connection = await open(counted, { commandTimeoutMs: 1000 });
    const error = await connection.call('GET', 'k').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotSentError);
    expect((error as Error).message).toMatch(reason);
    // The function is called after 0, 250 and 750 ms, minus the jitter.
    expect(asked).toBeLessThanOrEqual(5);
  });

  it('is aborted after connectTimeoutMs if it hangs, and the error names it', async () => {
    let asked = 0;
    const connection = await open(
      () => {
        asked += 1;
        return asked === 1 ? new Promise<string>(() => {}) : 'secret';
      },
      { connectTimeoutMs: 200 },
    );
    await expect(connection.call('GET', 'k')).rejects.toThrowError(
      /password: the function failed: the function: no result within 200 ms/,
    );
    await waitUntil('the next attempt connects', () => connection.state.kind === 'ready');
    expect(await connection.call('PING')).toBe('PONG');
  });

  it('may take up to connectTimeoutMs', async () => {
    const slowly = (): Promise<string> => new Promise((resolve) => setTimeout(resolve, 700, 'secret'));
    const connection = await open(slowly, { connectTimeoutMs: 2000, commandTimeoutMs: 3000 });
    expect(await connection.call('PING')).toBe('PONG');
  });

  it('is called once for concurrent connects, and no error contains its result', async () => {
    let asked = 0;
    const access = new Access({
      username: undefined,
      password: async () => `secret ${++asked}`,
      names: ['username', 'password'],
      timeoutMs: 100,
    });
    const address = { host: 'h', port: 1 };
    const login = () => access.open(address, async ({ password }) => password, isError);
    expect(await Promise.all([login(), login()])).toEqual(['secret 1', 'secret 1']);
    expect(await login()).toBe('secret 2');
    expect(() => connect({ mode: 'standalone', address, password: 5 as unknown as string })).toThrowError(
      /password: must be a string or a function, got a value of type number/,
    );
  });

  it('is rejected without supervision, because ioredis would reconnect with the first credentials', () => {
    const address = { host: 'h', port: 1 };
    expect(() =>
      connect({ mode: 'standalone', address, password: () => 'x', supervision: false }),
    ).toThrowError(ConfigurationError);
  });
});

const isError = (error: unknown): error is Error => error instanceof Error;

describe('a server that rejects the login', () => {
  it('is retried a few times in the first second by each pool connection, and less often later', async () => {
    await using redis = await RedisProcess.start({ host, password: 'secret' });
    const refused = async (): Promise<number> =>
      Number(/total_connections_received:(\d+)/.exec(await redis.admin().info('stats'))?.[1]);
    const before = await refused();
    const startedAt = performance.now();
    const cache = redisCache({
      address: redis.address,
      password: 'wrong',
      poolSize: 4,
      commandTimeoutMs: 200,
    });
    onTestFinished(async () => void (await cache.close()));
    await waitUntil('two seconds', async () => performance.now() - startedAt > 2000);
    const attempts = (await refused()) - before;
    // Each of four connections logs in immediately, and then after 250, 750 and 1750 ms, minus the jitter.
    expect(attempts).toBeGreaterThanOrEqual(4);
    expect(attempts).toBeLessThanOrEqual(12);
    await expect(cache.ping()).rejects.toThrowError(/WRONGPASS/);
  });

  it('is reachable again once its password is correct', async () => {
    await using redis = await RedisProcess.start({ host, password: 'secret' });
    const connection = connect({ mode: 'standalone', address: redis.address, password: 'later' });
    onTestFinished(async () => void (await connection.close()));
    await expect(connection.call('GET', 'k')).rejects.toThrowError(/WRONGPASS/);
    await redis.admin().config('SET', 'requirepass', 'later');
    await waitUntil('the connection is ready', () => connection.state.kind === 'ready', 6000);
  });

  it('does not delay the connection to other servers', async () => {
    const access = new Access({
      username: undefined,
      password: 'x',
      names: ['username', 'password'],
      timeoutMs: 100,
    });
    let connects = 0;
    const to = (port: number, run: () => Promise<string>): Promise<string> => {
      const connect = (): Promise<string> => {
        connects += 1;
        return run();
      };
      return access.open({ host: 'h', port }, connect, isError);
    };
    const refuse = (): Promise<string> => Promise.reject(new Error('WRONGPASS'));
    await expect(to(1, refuse)).rejects.toThrowError('WRONGPASS');
    await expect(to(1, async () => 'in')).rejects.toThrowError('WRONGPASS');
    expect(connects).toBe(1);
    expect(await to(2, async () => 'in')).toBe('in');
    await waitUntil('the backoff is over', async () =>
      to(1, async () => 'in').then(
        () => true,
        () => false,
      ),
    );
  });
});

it('the client connects to an IPv6 address in brackets', async () => {
  await using redis = await RedisProcess.start({ host: '::1' });
  const cache = redisCache({ address: { host: '[::1]', port: redis.address.port } });
  expect(await cache.ping()).toBeGreaterThan(0);
  await cache.close();
});
