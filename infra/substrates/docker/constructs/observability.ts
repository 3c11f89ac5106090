/** The Prometheus exporter (one for all nodes, `/scrape?target=`) and Redis Commander (loopback only, with login). */
import type { Container } from '@cdktf/provider-docker/lib/container/index.js';
import { Construct } from 'constructs';
import type { Node } from './node.ts';
import { sideService } from './side-service.ts';
import type { StackParts } from './stack-parts.ts';

export class Observability extends Construct {
  readonly exporter: Container;
  readonly commander: Container;

  constructor(scope: Construct, id: string, parts: StackParts, after: readonly Node[]) {
    super(scope, id);
    const { exporter, commander } = parts.plan;
    this.exporter = sideService(this, 'exporter', parts, {
      planned: exporter,
      image: 'exporter',
      entrypoint: ['/bin/sh', '/kit/exporter.sh'],
      after,
    });
    this.commander = sideService(this, 'commander', parts, {
      planned: commander,
      image: 'commander',
      entrypoint: ['node', '/redis-commander/bin/redis-commander.js'],
      after,
      // Redis Commander starts child processes that it does not reap.
      init: true,
    });
  }
}
