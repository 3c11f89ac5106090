/** The Prometheus exporter (one for all nodes, `/scrape?target=`) and Redis Commander (loopback only, with login). */
import { Container } from '@cdktf/provider-docker/lib/container/index.js';
import { Construct } from 'constructs';
import { containerLabels, hardenedSettings, protectedLabels } from './hardening.ts';
import type { Node } from './node.ts';
import type { StackParts } from './stack-parts.ts';

export class Observability extends Construct {
  readonly exporter: Container;
  readonly commander: Container;

  constructor(scope: Construct, id: string, parts: StackParts, after: readonly Node[]) {
    super(scope, id);
    const { exporter, commander } = parts.plan;
    this.exporter = this.#service('exporter', parts, {
      entrypoint: ['/bin/sh', '/kit/exporter.sh'],
      planned: exporter,
      after,
    });
    this.commander = this.#service('commander', parts, {
      entrypoint: ['node', '/redis-commander/bin/redis-commander.js'],
      planned: commander,
      after,
      // Redis Commander starts child processes that it does not reap.
      init: true,
    });
  }

  #service(
    role: 'exporter' | 'commander',
    parts: StackParts,
    service: {
      readonly planned: StackParts['plan']['exporter'];
      readonly after: readonly Node[];
      readonly entrypoint: string[];
      readonly init?: boolean;
    },
  ): Container {
    const { network, configuration, images, hashes, on } = parts;
    const { planned } = service;
    return new Container(this, role, {
      ...on,
      ...hardenedSettings(planned.memoryMb),
      name: planned.container,
      hostname: planned.id,
      image: images.idOf(role),
      entrypoint: service.entrypoint,
      ...(planned.env.length === 0 ? {} : { env: [...planned.env] }),
      ...(service.init === undefined ? {} : { init: service.init }),
      networksAdvanced: network.published(planned),
      ports: [
        { internal: planned.address.port, external: planned.published.port, ip: planned.published.host },
      ],
      volumes: [configuration.mount(planned.configVolume)],
      tmpfs: { '/tmp': 'rw,noexec,nosuid,size=16m' },
      healthcheck: {
        test: ['CMD', ...planned.health],
        interval: '10s',
        timeout: '3s',
        retries: 3,
        startPeriod: '10s',
      },
      stopTimeout: 5,
      destroyGraceSeconds: 5,
      labels: [
        ...containerLabels(parts, planned.id, hashes.get(planned.configVolume)),
        ...protectedLabels(parts),
      ],
      dependsOn: [
        ...network.dependencies,
        configuration.init,
        ...service.after.map((node) => node.container),
      ],
      lifecycle: { replaceTriggeredBy: network.replaceTriggeredBy },
    });
  }
}
