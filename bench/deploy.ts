/**
 * Cold deploy to a quorum of sentinels, and destroy: Terraform through CDKTF beside a compose file of the same eight
 * containers, same images, addresses, limits and health checks, in one run.
 *
 *   node bench/deploy.ts [rounds]
 *
 * The start-up of the CDKTF command line (its own start, the app, synthesis) is measured by `cdktf synth` and printed apart.
 */
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadEnvironment } from '../config/load.ts';
import { engineVersion } from '../infra/docker/engine.ts';
import { environmentDir, renderFiles } from '../infra/docker/files.ts';
import { buildImages, chooseImages, type ImageChoice } from '../infra/docker/images.ts';
import { type DockerPlan, type PlannedContainer, planDocker } from '../infra/docker/plan.ts';
import { deploy, destroy, startUp } from '../infra/docker/terraform.ts';
import { runProgram } from '../infra/process.ts';
import { planTopology } from '../infra/topology.ts';

const stateDir = resolve('.kit');
const work = mkdtempSync(join(tmpdir(), 'kit-bench-'));
const plan = planDocker(planTopology(loadEnvironment('dev')));
const rounds = Number(process.argv[2] ?? 3);

async function run(command: string, args: readonly string[]): Promise<string> {
  const record = await runProgram({ command, args, cwd: work, timeoutMs: 300_000 });
  if (record.exitCode !== 0) throw new Error(`${command} ${args.join(' ')}: ${record.stderr}`);
  return record.stdout.trim();
}
async function seconds(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await act();
  return (performance.now() - started) / 1_000;
}

const tagOf = (choice: ImageChoice) => (choice.kind === 'published' ? choice.reference : choice.tag);

/** The plan once more, as compose says it. */
function composeFile({ networks, nodes, exporter, commander, ready, environment }: DockerPlan) {
  const images = chooseImages(stateDir);
  const service = (part: PlannedContainer, more: object) => ({
    image: tagOf(images.redis),
    user: '999:999',
    read_only: true,
    init: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges'],
    mem_limit: `${part.memoryMb}m`,
    restart: 'unless-stopped',
    ports: [`127.0.0.1:${part.published.port}:${part.address.port}`],
    networks: { data: { ipv4_address: part.address.host }, publish: {} },
    healthcheck: { test: ['CMD', ...part.health], interval: '10s', timeout: '3s', retries: 3 },
    environment: [...part.env],
    stop_grace_period: '20s',
    ...more,
  });
  const conf = (part: { readonly configVolume: string }) =>
    `${join(work, 'conf', part.configVolume)}:/kit:ro`;
  const redis = nodes.filter(({ node }) => node.role === 'redis').map(({ id }) => id);
  const entries = nodes.map((node) => {
    const after = node.node.role === 'redis' ? [] : redis;
    const volumes = [conf(node), `${node.id}-data:/data`];
    return [node.id, service(node, { volumes, depends_on: after })] as const;
  });
  const all = nodes.map(({ id }) => id);
  const side = (part: PlannedContainer, role: 'exporter' | 'commander', entrypoint: readonly string[]) =>
    service(part, {
      image: tagOf(images[role]),
      entrypoint,
      volumes: [conf(part)],
      tmpfs: ['/tmp'],
      depends_on: all,
    });
  return {
    version: '2.4',
    services: {
      ...Object.fromEntries(entries),
      exporter: side(exporter, 'exporter', ['/bin/sh', '/kit/exporter.sh']),
      commander: side(commander, 'commander', ['node', '/redis-commander/bin/redis-commander.js']),
      ready: {
        ...{ image: tagOf(images.redis), command: ['ready'], volumes: [conf(ready)], profiles: ['wait'] },
        networks: { data: { ipv4_address: ready.address.host } },
      },
    },
    networks: {
      data: {
        name: networks.data.name,
        internal: true,
        ipam: { config: [{ subnet: networks.data.subnet }] },
      },
      publish: { name: networks.publish.name },
    },
    volumes: Object.fromEntries(
      nodes.map(({ id }) => [`${id}-data`, { name: `compose-${environment.name}-${id}` }]),
    ),
  };
}

/** What the init container does for Terraform, compose gets done beforehand and free of charge. */
function ownedCopy(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
  for (const entry of [
    to,
    ...readdirSync(to, { recursive: true, encoding: 'utf8' }).map((name) => join(to, name)),
  ]) {
    chownSync(entry, 999, 999);
    chmodSync(entry, 0o700);
  }
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

try {
  await buildImages({ stateDir });
  const { environment } = plan;
  const terraform: Record<'startUp' | 'deploy' | 'destroy', number[]> = {
    startUp: [],
    deploy: [],
    destroy: [],
  };
  const compose: Record<'deploy' | 'destroy', number[]> = { deploy: [], destroy: [] };
  const compositor = ['--project-name', 'kit-bench', '--file', join(work, 'compose.json')];
  for (let round = 0; round < rounds; round += 1) {
    terraform.startUp.push(await seconds(() => startUp(environment, { stateDir })));
    terraform.deploy.push(await seconds(() => deploy(environment, { stateDir })));
    terraform.destroy.push(await seconds(() => destroy(environment, { stateDir, allowDestroy: true })));

    await renderFiles(plan, chooseImages(stateDir).facts, stateDir);
    mkdirSync(work, { recursive: true });
    ownedCopy(join(environmentDir(stateDir, environment.name), 'files'), join(work, 'conf'));
    chmodSync(work, 0o755);
    writeFileSync(join(work, 'compose.json'), JSON.stringify(composeFile(plan), null, 2));
    compose.deploy.push(
      await seconds(async () => {
        await run('docker-compose', [...compositor, 'up', '--detach']);
        await run('docker-compose', [...compositor, 'run', '--rm', 'ready']);
      }),
    );
    compose.destroy.push(await seconds(() => run('docker-compose', [...compositor, 'down', '--volumes'])));
  }
  const before = median(terraform.startUp);
  const versions = `${await run('docker-compose', ['version', '--short'])} on Docker ${await engineVersion()}`;
  process.stdout.write(`compose ${versions}; ${rounds} rounds, medians in seconds\n`);
  process.stdout.write(`start-up of the CDKTF command line  ${before.toFixed(2)}\n`);
  for (const what of ['deploy', 'destroy'] as const) {
    const [ours, theirs] = [median(terraform[what]) - before, median(compose[what])];
    const ratio = (ours / theirs).toFixed(2);
    process.stdout.write(
      `${what.padEnd(8)} cdktf ${ours.toFixed(2)}  compose ${theirs.toFixed(2)}  ratio ${ratio}\n`,
    );
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
