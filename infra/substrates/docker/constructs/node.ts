/** One Redis or Sentinel container: both use the same image, and the configuration on their volume selects the role. */
import { Container } from '@cdktf/provider-docker/lib/container/index.js';
import { Volume } from '@cdktf/provider-docker/lib/volume/index.js';
import { Construct } from 'constructs';
import { bindingsOf, type PlannedNode } from '../plan.ts';
import {
  containerLabels,
  hardenedSettings,
  healthcheckOf,
  KEEPS_LABELS,
  ownLabels,
  protectedLabels,
} from './hardening.ts';
import type { StackParts } from './stack-parts.ts';

/** Grace period for a stop: on shutdown Redis waits for its replicas (`shutdown-timeout`, 10 s), then saves. */
const STOP_GRACE_SECONDS = 20;

export class Node extends Construct {
  readonly container: Container;

  constructor(scope: Construct, planned: PlannedNode, parts: StackParts) {
    super(scope, planned.id);
    const { network, configuration, images, hashes, on } = parts;
    const data = new Volume(this, 'data', {
      ...on,
      name: planned.dataVolume,
      labels: [...ownLabels(parts), ...protectedLabels(parts)],
      dependsOn: [parts.secrets],
      lifecycle: { ...KEEPS_LABELS, ...(parts.keepsData ? { preventDestroy: true } : {}) },
    });
    this.container = new Container(this, 'container', {
      ...on,
      ...hardenedSettings(planned.memoryMb),
      name: planned.container,
      hostname: planned.id,
      image: images.idOf('redis'),
      // Reaps the child processes of health checks; otherwise the server would log every one of them.
      init: true,
      networksAdvanced: network.published(planned),
      ports: bindingsOf(planned).map(({ inside, outside: { host, port } }) => ({
        internal: inside,
        external: port,
        ip: host,
      })),
      volumes: [configuration.mount(planned.configVolume), { volumeName: data.name, containerPath: '/data' }],
      healthcheck: healthcheckOf(planned, '5s'),
      stopSignal: 'SIGTERM',
      stopTimeout: STOP_GRACE_SECONDS,
      destroyGraceSeconds: STOP_GRACE_SECONDS,
      labels: containerLabels(parts, planned.id, hashes.get(planned.configVolume)),
      dependsOn: [...network.dependencies, configuration.init],
      lifecycle: { replaceTriggeredBy: network.replaceTriggeredBy },
    });
  }
}
