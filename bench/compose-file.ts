/**
 * Renders the plan of an environment as a Compose file with the same images, addresses, limits, health checks, grace
 * periods and order.
 *
 * The configuration is provided in one of two ways. `volumes`: as in the kit, one volume per service, filled by a
 * short-lived container. `folders`: bind mounts of prepared host folders; faster, because the preparation is not
 * measured, but the secrets of every service are readable by uid 999 on the host.
 */
import { join } from 'node:path';
import { UNPACK } from '../infra/substrates/docker/archive.ts';
import type { ImageChoice, ImageSet } from '../infra/substrates/docker/images.ts';
import {
  type DockerPlan,
  type PlannedContainer,
  type PlannedNode,
  RUN_AS,
} from '../infra/substrates/docker/plan.ts';
import { configVolumesOf } from '../infra/substrates/docker/plan-volumes.ts';

export type Configuration = 'volumes' | 'folders';

export interface ComposeOptions {
  readonly images: ImageSet;
  readonly configuration: Configuration;
  /** Absolute path of a directory with `files.tar`, and `conf/` with one folder per volume. */
  readonly dir: string;
}

const tagOf = (choice: ImageChoice) => (choice.kind === 'published' ? choice.reference : choice.tag);

export function composeFile(plan: DockerPlan, options: ComposeOptions) {
  const { networks, nodes, exporter, commander, watchdog, ready, environment } = plan;
  const { images, configuration, dir } = options;
  const filled = configuration === 'volumes';
  const conf = ({ configVolume }: Pick<PlannedContainer, 'configVolume'>) =>
    `${filled ? configVolume : join(dir, 'conf', configVolume)}:/kit:ro`;
  const after = (parts: readonly PlannedNode[] = []) => ({
    ...(filled ? { init: { condition: 'service_completed_successfully' } } : {}),
    ...Object.fromEntries(parts.map(({ id }) => [id, { condition: 'service_started' }])),
  });
  const node = (part: PlannedNode) =>
    service(part, {
      image: tagOf(images.redis),
      volumes: [conf(part), `${part.dataVolume}:/data`],
      depends_on: after(),
    });
  const side = (part: PlannedContainer, image: ImageChoice, entrypoint: readonly string[]) =>
    service(part, {
      ...{ image: tagOf(image), entrypoint, volumes: [conf(part)], tmpfs: ['/tmp'] },
      ...{ depends_on: after(nodes), stop_grace_period: '5s' },
    });
  const volumes = [...nodes.map(({ dataVolume }) => dataVolume), ...(filled ? configVolumesOf(plan) : [])];
  return {
    services: {
      ...(filled ? { init: initService(plan, options) } : {}),
      ...Object.fromEntries(nodes.map((part) => [part.id, node(part)])),
      exporter: side(exporter, images.exporter, ['/bin/sh', '/kit/exporter.sh']),
      commander: side(commander, images.commander, ['node', '/redis-commander/bin/redis-commander.js']),
      ...(watchdog && {
        watchdog: {
          ...side(watchdog, images.commander, ['node', '/kit/watchdog.mjs', '/kit/watchdog.json']),
          depends_on: after(),
        },
      }),
      ready: {
        ...{ image: tagOf(images.redis), command: ['ready'], volumes: [conf(ready)], profiles: ['wait'] },
        networks: { data: { ipv4_address: ready.address.host } },
      },
    },
    networks: {
      data: {
        ...{ name: networks.data.name, internal: true },
        ipam: { config: [{ subnet: networks.data.subnet }] },
      },
      publish: { name: networks.publish.name },
    },
    volumes: Object.fromEntries(
      volumes.map((name) => [name, { name: `compose-${environment.name}-${name}` }]),
    ),
  };
}

function service(part: PlannedContainer, more: object) {
  return {
    hostname: part.id,
    user: RUN_AS,
    read_only: true,
    init: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges'],
    mem_limit: `${part.memoryMb}m`,
    memswap_limit: `${part.memoryMb}m`,
    ulimits: { nofile: 16_384 },
    pids_limit: 256,
    logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
    restart: 'unless-stopped',
    ...(part.published && {
      ports: [`${part.published.host}:${part.published.port}:${part.address.port}`],
    }),
    networks: { data: { ipv4_address: part.address.host }, ...(part.published && { publish: {} }) },
    healthcheck: { test: ['CMD', ...part.health], interval: '10s', timeout: '3s', retries: 3 },
    environment: [...part.env],
    stop_grace_period: '20s',
    ...more,
  };
}

function initService(plan: DockerPlan, { images, dir }: ComposeOptions) {
  return {
    image: tagOf(images.redis),
    user: '0:0',
    network_mode: 'none',
    entrypoint: ['/bin/sh', '-c'],
    // The archive is mounted here instead of copied, so it cannot be removed.
    command: [UNPACK.replace(/^trap .*?; /, '')],
    cap_drop: ['ALL'],
    cap_add: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'],
    security_opt: ['no-new-privileges'],
    volumes: [
      `${join(dir, 'files.tar')}:/conf.tar:ro`,
      ...configVolumesOf(plan).map((name) => `${name}:/conf/${name}`),
    ],
  };
}
