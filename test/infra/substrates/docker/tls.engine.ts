/**
 * The settings of `production` (TLS on every link, least-privilege users) with interrupted links, and an environment
 * with a single node.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { sentinelCache } from '../../../../client/index.ts';
import { loadEnvironment } from '../../../../config/load.ts';
import { environmentSchema } from '../../../../config/schema.ts';
import { watchdogPassword } from '../../../../infra/redis/conf/acl.ts';
import { docker, listLabelled } from '../../../../infra/substrates/docker/engine.ts';
import { dockerSecrets, readValues } from '../../../../infra/substrates/docker/generated-values.ts';
import { LABEL, planDocker } from '../../../../infra/substrates/docker/plan.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { openCacheData } from '../../../../scripts/cache/cache-data.ts';
import type { TopView } from '../../../../scripts/cache/node-view.ts';
import { callKit } from '../../../support/kit-call.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import { configuration, describeOnEngine, engineStateDir } from './fixtures.ts';

const state = engineStateDir();
const production = loadEnvironment('production', { 'redis.maxmemory': '64mb' });
/** The configuration of `production`, but small, on separate ports, and removable by this test. */
const config = environmentSchema.parse({
  ...production,
  name: 'secure',
  docker: configuration('secure', {}, 27_600).docker,
});
const substrate = dockerSubstrate({ stateDir: state.path });

describeOnEngine('an environment with TLS', () => {
  let environment: Environment;

  beforeAll(async () => {
    environment = await substrate.apply(planTopology(config), { ephemeral: true });
  });

  afterAll(async () => {
    await environment?.[Symbol.asyncDispose]();
    expect(await substrate.open(planTopology(config))).toBeUndefined();
  });

  const successorOf = (old: string) =>
    waitUntil(
      'another master',
      async () => {
        const roles = await Promise.all(
          environment.topology.redis
            .filter(({ id }) => id !== old)
            // A sentinel that reconfigures a node closes the node's connections, including this one: ask again.
            .map(({ id }) =>
              environment
                .admin(id)
                .then(async (redis) => String(((await redis.call('ROLE')) as unknown[])[0]))
                .catch(() => ''),
            ),
        );
        return roles.includes('master');
      },
      40_000,
    );
  const replicaAgain = (id: string) =>
    waitUntil(
      `${id} to be a synchronized replica`,
      async () => {
        const info = await environment
          .admin(id)
          .then((redis) => redis.info('replication'))
          .catch(() => '');
        return info.includes('role:slave') && info.includes('master_link_status:up');
      },
      60_000,
    );

  it('commands on cached data reach an environment with TLS by its name', async () => {
    const file = join(state.path, 'secure.yaml');
    writeFileSync(file, JSON.stringify(config));
    vi.stubEnv('KIT_STATE_DIR', state.path);
    await using data = await openCacheData({ env: file, set: {}, substrate: 'docker' });
    const cache = data.openCache();
    await cache.set('item', { price: 7 }, { tags: ['items'] });
    await cache.close();
    const on = (command: string, ...args: string[]) =>
      callKit(command, ...args, '--env', file, '--substrate', 'docker', '--json');
    expect(JSON.parse((await on('cache-inspect', 'item')).out)).toMatchObject({ value: '{"price":7}' });
    expect(JSON.parse((await on('cache-clear', '--tag', 'items', '--yes')).out)).toMatchObject({ found: 1 });
    const { nodes } = JSON.parse((await on('top')).out) as TopView;
    expect(nodes.map(({ role }) => role)).toEqual(['master', 'replica', 'replica']);
    vi.unstubAllEnvs();
  });

  it('a node accepts durable writes over TLS, and no plain-text connection', async () => {
    const { endpoints } = environment;
    const cache = sentinelCache({
      ...{
        sentinels: endpoints.sentinels,
        serviceName: endpoints.serviceName,
        natMap: endpoints.natMap ?? {},
      },
      ...{ username: 'app', password: endpoints.app.password.reveal() },
      ...{ sentinelUsername: 'app', sentinelPassword: endpoints.sentinel.password.reveal() },
      tls: { ca: endpoints.tls?.ca ?? '' },
    });
    const receipt = await cache.set('a', 1, { durability: { replicas: 2, timeoutMs: 5_000 } });
    expect(receipt).toEqual({ source: 'redis', replicas: 2 });
    await cache.close();
    const [first] = endpoints.redis;
    expect(await answerInPlainText(first?.port ?? 0)).not.toContain('PONG');
  });

  it('neither a password nor a private key is in the state, the synthesised text, docker inspect or a log', async () => {
    const every = dockerSecrets(state.path, config.name);
    const { redis, sentinel } = every;
    const made = readFileSync(join(state.path, 'docker', config.name, 'tls', 'made.json'), 'utf8');
    const key: string = JSON.parse(made).key;
    const secrets = [
      ...[...Object.values(redis), ...Object.values(sentinel)].map((secret) => secret.reveal()),
      readValues(state.path, config.name).commanderPassword,
      watchdogPassword(every).reveal(),
      // Each line of the key is searched separately, because line breaks are escaped in JSON.
      ...key.split('\n').filter((line) => line.length > 20 && !line.startsWith('---')),
    ];
    const names = await listLabelled('container', `${LABEL.environment}=${config.name}`);
    const texts = [
      readFileSync(join(state.path, 'docker', config.name, 'terraform.tfstate'), 'utf8'),
      readFileSync(join(state.path, 'cdktf.out/stacks', config.name, 'cdk.tf.json'), 'utf8'),
      readFileSync(join(state.path, 'docker/logs', `${config.name}-deploy.log`), 'utf8'),
      await docker(['inspect', ...names]),
      ...[...environment.logs.values()].map((path) => readFileSync(path, 'utf8')),
      ...(await Promise.all(names.map((name) => docker(['logs', name])))),
    ];
    expect(secrets.length).toBeGreaterThan(9);
    for (const secret of secrets) expect(secret.length).toBeGreaterThan(15);
    expect(names).toHaveLength(11);
    for (const text of texts) expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  });

  it('the exporter reads from nodes over TLS', async () => {
    const { exporter } = planDocker(planTopology(config));
    await waitUntil('metrics of the master', async () =>
      /^redis_up 1$/m.test(await (await fetch(`http://127.0.0.1:${exporter.published.port}/metrics`)).text()),
    );
  });

  it('a master that is isolated with a sentinel stays reachable, and returns as a replica', async () => {
    const master = (await environment.masterId()) as string;
    const heal = await environment.capabilities.partition?.([master, 'sentinel-1'], {
      clientsStillReach: true,
    });
    await successorOf(master);
    expect(await (await environment.admin(master)).ping()).toBe('PONG');
    await heal?.();
    await replicaAgain(master);
  });

  it.each(['disconnect', 'partition'] as const)(
    'a master that becomes unreachable (%s) returns with its address',
    async (how) => {
      await waitUntil('one master', async () => (await environment.masterId()) !== undefined);
      const master = (await environment.masterId()) as string;
      const { disconnect, partition } = environment.capabilities;
      const heal =
        how === 'disconnect'
          ? await disconnect?.(master)
          : await partition?.([master], { clientsStillReach: false });
      try {
        await successorOf(master);
      } finally {
        await heal?.();
        await heal?.();
      }
      await replicaAgain(master);
    },
  );
});

describeOnEngine('a single node', () => {
  it('a single node with TLS is deployed, replies, keeps its data across a crash, and leaves nothing behind', async () => {
    const single = loadEnvironment('single');
    const ports = { redis: 27_700, sentinel: 27_710, exporter: 27_720, commander: 27_721 };
    const alone = environmentSchema.parse({ ...single, name: 'alone', docker: { ports } });
    await using environment = await substrate.apply(planTopology(alone), { ephemeral: true });
    expect(environment.endpoints.mode).toBe('standalone');
    await (await environment.admin('redis-1')).set('kept', 'value');
    await environment.capabilities.kill?.('redis-1');
    await environment.capabilities.start?.('redis-1');
    expect(await (await environment.admin('redis-1')).get('kept')).toBe('value');
    await expect(environment.capabilities.start?.('redis-1')).rejects.toMatchObject({ code: 'NODE_RUNNING' });
  });
});

afterAll(() => state[Symbol.dispose]());

/** Reply of a node to a client without TLS. */
function answerInPlainText(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    let text = '';
    socket.on('data', (data) => {
      text += String(data);
    });
    socket.on('error', () => resolve(text));
    socket.on('close', () => resolve(text));
    socket.setTimeout(2_000, () => socket.destroy());
  });
}
