/** Unavailable resources lead to one clear error, and leave nothing that would block the next deploy. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { loadEnvironment } from '../../../../config/load.ts';
import { type EnvironmentConfig, environmentSchema } from '../../../../config/schema.ts';
import { runProgram } from '../../../../infra/host/process.ts';
import { destroy } from '../../../../infra/substrates/docker/destroy.ts';
import { docker, engineTrouble, listLabelled } from '../../../../infra/substrates/docker/engine.ts';
import { imagesFile } from '../../../../infra/substrates/docker/images.ts';
import { LABEL, planDocker } from '../../../../infra/substrates/docker/plan.ts';
import { addressesIn, readState } from '../../../../infra/substrates/docker/state.ts';
import { environmentDir } from '../../../../infra/substrates/docker/state-files.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import { deploy } from '../../../../infra/substrates/docker/terraform.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import {
  configuration,
  deployLabels,
  describeOnEngine,
  engineStateDir,
  partNames,
  runPlainCdktf,
} from './fixtures.ts';
import { completeDeploy, interruptDeploy } from './interrupted-deploy.ts';

const state = engineStateDir();
const config = configuration('refusals', {}, 27_500);
const substrate = dockerSubstrate({ stateDir: state.path });

const apply = (environment: EnvironmentConfig = config, stateDir = state.path) =>
  dockerSubstrate({ stateDir }).apply(planTopology(environment), { ephemeral: false });

const redisImage = (): string => String(JSON.parse(readFileSync(imagesFile(state.path), 'utf8')).redis);

const traces = () => partNames(config.name);

describeOnEngine('refusals', () => {
  afterEach(() => vi.unstubAllEnvs());
  afterAll(async () => {
    await substrate.destroy(config.name);
    state[Symbol.dispose]();
  });

  it('an unreachable engine is reported with its address and a hint on how to start one', async () => {
    vi.stubEnv('DOCKER_HOST', 'unix:///nowhere/docker.sock');
    await expect(apply()).rejects.toMatchObject({
      code: 'DOCKER_NO_ENGINE',
      where: 'unix:///nowhere/docker.sock',
      hint: expect.stringContaining('dockerd'),
    });
  });

  it('an engine that denies access to this user is reported with the remedy', async () => {
    const socket = join(state.path, 'docker.sock');
    const server = createServer().listen(socket);
    await waitUntil('the socket', async () => existsSync(socket));
    chmodSync(socket, 0);
    chmodSync(state.path, 0o755);
    // Root may access every path, so the command runs as another user.
    const asNobody = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--clear-groups'] : [];
    const [command = 'docker', ...args] = [...asNobody, 'docker', 'version'];
    try {
      const record = await runProgram({ command, args, env: { DOCKER_HOST: `unix://${socket}`, HOME: '/' } });
      expect(record.exitCode).not.toBe(0);
      expect(engineTrouble(record.stderr)).toMatchObject({
        code: 'DOCKER_PERMISSION',
        where: `unix://${socket}`,
        hint: expect.stringContaining('usermod'),
      });
    } finally {
      server.close();
    }
  });

  it('a missing plugin is reported, and nothing is left behind', async () => {
    const other = engineStateDir();
    const file = join(other.path, 'terraform.rc');
    writeFileSync(
      file,
      `provider_installation {\n  filesystem_mirror {\n    path = "${other.path}"\n  }\n}\n`,
    );
    vi.stubEnv('TF_CLI_CONFIG_FILE', file);
    await expect(apply(config, other.path)).rejects.toMatchObject({
      code: 'PLUGIN_MISSING',
      hint: expect.stringContaining('kit doctor'),
    });
    expect(await traces()).toEqual([]);
    other[Symbol.dispose]();
  });

  it('a state locked by another Terraform is reported, and remains unchanged', async () => {
    const dir = join(state.path, 'holder');
    const stateFile = join(environmentDir(state.path, config.name), 'terraform.tfstate');
    mkdirSync(dir);
    mkdirSync(dirname(stateFile), { recursive: true });
    const holder = { terraform: { backend: { local: { path: stateFile } } }, output: { held: { value: 1 } } };
    writeFileSync(join(dir, 'main.tf.json'), JSON.stringify(holder));
    expect((await runProgram({ command: 'terraform', args: ['init'], cwd: dir })).exitCode).toBe(0);
    // Terraform asks before it applies, and holds the lock until it gets an answer.
    const waiting = spawn('terraform', ['apply'], { cwd: dir, stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = new Promise((resolve) => waiting.once('exit', resolve));
    const lock = join(dirname(stateFile), '.terraform.tfstate.lock.info');
    await waitUntil('the lock', async () => existsSync(lock));
    // A container that the other deploy has just created, and that is not in its state yet.
    const [node] = planDocker(planTopology(config)).nodes;
    const fresh = ['--name', node?.container ?? '', ...deployLabels(config, state.path)];
    await docker(['create', ...fresh, redisImage()]);
    try {
      await expect(apply()).rejects.toMatchObject({
        code: 'STATE_LOCKED',
        hint: expect.stringContaining('force-unlock'),
      });
      expect(existsSync(lock)).toBe(true);
      expect(await traces()).toEqual([node?.container]);
    } finally {
      waiting.stdin.end('no\n');
      await ended;
    }
    // After the lock is released, no running deploy owns the container, so destroy removes it.
    await substrate.destroy(config.name);
    expect(await traces()).toEqual([]);
  });

  it('a port in use is reported, and nothing is left behind', async () => {
    const server = createServer().listen(27_501, '127.0.0.1');
    try {
      const taken = '27501 (redis-2) by another program';
      await expect(apply()).rejects.toMatchObject({
        code: 'PORT_IN_USE',
        message: expect.stringContaining(taken),
        hint: expect.stringContaining('docker.ports.redis'),
      });
      const plain = await runPlainCdktf('deploy', config, state.path);
      expect(plain.exitCode).toBe(1);
      expect(plain.text).toContain(taken);
      expect(plain.text).toContain('set docker.ports.redis');
      expect(await traces()).toEqual([]);
    } finally {
      server.close();
    }
    expect(await traces()).toEqual([]);
  });

  it('a port in use by another environment is reported with its container', async () => {
    const holder = ['--name', 'kit-test-holder', '--publish', '127.0.0.1:27510:1', '--entrypoint', 'sleep'];
    await docker(['run', '--detach', ...holder, redisImage(), '600']);
    try {
      await expect(apply()).rejects.toMatchObject({
        code: 'PORT_IN_USE',
        message: expect.stringContaining('27510 (sentinel-1) by container kit-test-holder'),
        hint: expect.stringContaining('docker.ports.sentinel'),
      });
    } finally {
      await docker(['rm', '--force', 'kit-test-holder']);
    }
    expect(await traces()).toEqual([]);
  });

  it('addresses in use are reported, and nothing is left behind', async () => {
    const { subnet } = planDocker(planTopology(config)).networks.data;
    await docker(['network', 'create', '--subnet', subnet, 'kit-test-squatter']);
    try {
      await expect(apply()).rejects.toMatchObject({
        code: 'SUBNET_IN_USE',
        message: expect.stringContaining('kit-test-squatter'),
        hint: expect.stringContaining('docker.subnet'),
      });
    } finally {
      await docker(['network', 'rm', 'kit-test-squatter']);
    }
    expect(await traces()).toEqual([]);
  });

  it('a missing image is reported with the build command, and nothing is left behind', async () => {
    const other = engineStateDir();
    const path = imagesFile(other.path);
    mkdirSync(dirname(path), { recursive: true });
    const gone = 'redis-cache-kit/redis:000000000000';
    const facts = { version: '7.0.15', activedefrag: false, tls: true };
    writeFileSync(path, JSON.stringify({ redis: gone, exporter: gone, commander: gone, facts }));
    await expect(apply(config, other.path)).rejects.toMatchObject({
      code: 'IMAGE_MISSING',
      hint: expect.stringContaining('kit images build'),
    });
    expect(await traces()).toEqual([]);
    other[Symbol.dispose]();
  });

  /** True if the state contains nodes. */
  const someKnown = async () => {
    const known = await readState(config, { stateDir: state.path }).catch(() => ({}));
    return addressesIn(known, 'docker_container').some((address) => address.includes('.redis_'));
  };

  const file = () => join(environmentDir(state.path, config.name), 'terraform.tfstate');
  /**
   * Recreates the state that remains if a deploy is killed before the provider has read the networks that it created.
   */
  const forgetNetworks = () => {
    const known: { resources: { type: string }[] } = JSON.parse(readFileSync(file(), 'utf8'));
    const resources = known.resources.filter(({ type }) => type !== 'docker_network');
    writeFileSync(file(), JSON.stringify({ ...known, resources }));
  };

  it('a deploy interrupted when nodes are in the state and their networks are not is completed by the next deploy', async () => {
    await interruptDeploy(config, state.path, someKnown);
    forgetNetworks();
    await completeDeploy(config, state.path);
    await substrate.destroy(config.name);
    expect(await traces()).toEqual([]);
  });

  it('a destroy names a network that a foreign container uses, and completes once that container is removed', async () => {
    const { ports } = config.docker;
    const single = environmentSchema.parse({
      ...loadEnvironment('single'),
      name: config.name,
      docker: { ports },
    });
    const { data } = planDocker(planTopology(single)).networks;
    await deploy(single, { stateDir: state.path });
    const guest = ['run', '--detach', '--name', 'kit-test-guest', '--network', data.name];
    await docker([...guest, '--entrypoint', 'sleep', redisImage(), '600']);
    try {
      // The second attempt has no container left to remove.
      for (let attempt = 0; attempt < 2; attempt += 1) {
        await expect(destroy(single, { stateDir: state.path })).rejects.toMatchObject({
          code: 'NETWORK_IN_USE',
          where: `network ${data.name}`,
          message: expect.stringContaining('kit-test-guest'),
          hint: expect.stringContaining(`docker network disconnect ${data.name} kit-test-guest`),
        });
      }
    } finally {
      await docker(['rm', '--force', 'kit-test-guest']);
    }
    expect(await listLabelled('container', `${LABEL.environment}=${config.name}`)).toEqual([]);
    await substrate.destroy(config.name);
    expect(await traces()).toEqual([]);
  });

  it('a protected environment is not stopped, and a failed deploy keeps its data', async () => {
    const { ports } = config.docker;
    const guarded = environmentSchema.parse({
      ...{ ...loadEnvironment('single'), name: config.name, docker: { ports, protected: true } },
    });
    const label = `${LABEL.environment}=${config.name}`;
    const environment = await apply(guarded);
    await environment[Symbol.asyncDispose]();
    await docker(['network', 'create', ...deployLabels(config, state.path), 'kit-test-stray']);
    try {
      const before = await traces();
      await expect(substrate.destroy(config.name)).rejects.toMatchObject({
        code: 'PROTECTED',
        where: `environment ${config.name}`,
        hint: expect.stringContaining('KIT_ALLOW_DESTROY'),
      });
      expect(await traces()).toEqual(before);
      // The next deploy removes only the empty network, which has no owner. All other resources remain after the run.
      await docker(['stop', '--time', '1', 'kit-refusals-redis-1']);
      const lines: string[] = [];
      const again = await substrate.apply(planTopology(guarded), {
        ephemeral: true,
        progress: (line) => lines.push(line),
      });
      await again[Symbol.asyncDispose]();
      expect(await traces()).toEqual(before.filter((name) => name !== 'kit-test-stray'));
      expect(lines.filter((line) => line.startsWith('removing'))).toEqual([
        'removing network kit-test-stray, which an interrupted deploy left',
      ]);
      // The state is lost and the next deploy fails, which is no reason to remove volumes.
      const volumes = await listLabelled('volume', label);
      renameSync(file(), `${file()}.lost`);
      await docker(['rm', '--force', ...(await listLabelled('container', label))]);
      const server = createServer().listen(ports.redis, '127.0.0.1');
      try {
        await expect(apply(guarded)).rejects.toMatchObject({ code: 'PORT_IN_USE' });
      } finally {
        server.close();
      }
      expect(await listLabelled('volume', label)).toEqual(volumes);
    } finally {
      const allowed = dockerSubstrate({ stateDir: state.path, allowDestroy: true });
      await allowed.destroy(config.name);
    }
    expect(await traces()).toEqual([]);
  });

  it('an environment whose file is missing is reported, but not claimed', async () => {
    const labels = deployLabels({ ...config, name: 'unheard-of' }, state.path);
    await docker(['volume', 'create', ...labels, 'kit-unheard-of-data']);
    try {
      await expect(substrate.destroy('unheard-of')).rejects.toMatchObject({
        code: 'ENVIRONMENT_UNKNOWN',
        hint: expect.stringContaining('kit down --env FILE'),
      });
    } finally {
      await docker(['volume', 'rm', 'kit-unheard-of-data']);
    }
  });
});
