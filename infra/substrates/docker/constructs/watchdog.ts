/**
 * The watchdog: one container for all nodes, in the data network only. It uses the Redis Commander image, which
 * contains Node.js, so it needs no separate image.
 */
import { Container } from '@cdktf/provider-docker/lib/container/index.js';
import { Construct } from 'constructs';
import { WATCHDOG_PROGRAM } from '../../watchdog-files.ts';
import type { PlannedContainer } from '../plan.ts';
import { containerLabels, hardenedSettings, healthcheckOf } from './hardening.ts';
import type { StackParts } from './stack-parts.ts';

export class Watchdog extends Construct {
  readonly container: Container;

  constructor(scope: Construct, id: string, parts: StackParts, planned: PlannedContainer) {
    super(scope, id);
    const { network, configuration, images, hashes, on } = parts;
    this.container = new Container(this, 'container', {
      ...on,
      ...hardenedSettings(planned.memoryMb),
      name: planned.container,
      hostname: planned.id,
      image: images.idOf('commander'),
      entrypoint: ['node', `/kit/${WATCHDOG_PROGRAM}`],
      command: ['/kit/watchdog.json'],
      // Reaps the child processes of health checks.
      init: true,
      networksAdvanced: network.attached(planned),
      volumes: [configuration.mount(planned.configVolume)],
      healthcheck: healthcheckOf(planned, '5s'),
      stopTimeout: 5,
      destroyGraceSeconds: 5,
      labels: containerLabels(parts, planned.id, hashes.get(planned.configVolume)),
      dependsOn: [...network.dependencies, configuration.init],
      lifecycle: { replaceTriggeredBy: network.replaceTriggeredBy },
    });
  }
}
