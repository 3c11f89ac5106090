/**
 * Last step of a deploy: a short-lived container that waits until all sentinels agree on the master, report all its
 * replicas as in sync, and have discovered each other. A successful deploy has a quorum; a failed one reports the
 * condition that was not met.
 */
import { Container } from '@cdktf/provider-docker/lib/container/index.js';
import { Op, TerraformSelf } from 'cdktf';
import { Construct } from 'constructs';
import { RUN_AS } from '../plan.ts';
import { containerLabels, ONE_SHOT, protectedLabels, triggerOf } from './hardening.ts';
import type { StackParts } from './stack-parts.ts';

export class Readiness extends Construct {
  /** Container that exits with 0 when the deploy has succeeded. */
  readonly container: Container;

  constructor(scope: Construct, id: string, parts: StackParts, nodes: readonly Container[]) {
    super(scope, id);
    const { plan, network, configuration, images, hashes, on } = parts;
    this.container = new Container(this, 'ready', {
      ...on,
      name: plan.ready.container,
      image: images.idOf('redis'),
      command: ['ready'],
      user: RUN_AS,
      readOnly: true,
      capabilities: { drop: ['ALL'], add: [] },
      ...ONE_SHOT,
      memory: 64,
      memorySwap: 64,
      labels: [
        ...containerLabels(parts, 'ready', hashes.get(plan.ready.configVolume)),
        ...protectedLabels(parts),
      ],
      networksAdvanced: network.attached(plan.ready),
      volumes: [configuration.mount(plan.ready.configVolume)],
      dependsOn: [...nodes],
      lifecycle: {
        // Runs again whenever a node is replaced.
        replaceTriggeredBy: nodes.map(triggerOf),
        postcondition: [
          {
            // Not `== 0`: cdktf's operators drop a zero.
            condition: Op.lt(TerraformSelf.getNumber('exit_code'), 1),
            errorMessage: 'environment not ready within 60 s: see `docker logs` of its nodes',
          },
        ],
      },
    });
  }
}
