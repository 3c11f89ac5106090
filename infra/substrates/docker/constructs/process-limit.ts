/**
 * Limits the number of processes and threads per container. The provider (4.5.0) has no argument for this limit, and
 * the engine has no default, so Terraform runs the engine's command-line client, once for all containers, and again
 * when a container is replaced. The provider's plan ignores the limit, and its updates do not change it.
 */
import type { Container } from '@cdktf/provider-docker/lib/container/index.js';
import { DataResource } from 'cdktf';
import { Construct } from 'constructs';
import { dockerCommand, type Engine } from '../engines.ts';
import { PIDS_LIMIT } from '../plan.ts';

export class ProcessLimit extends Construct {
  constructor(scope: Construct, id: string, containers: readonly Container[], engine?: Engine) {
    super(scope, id);
    const names = containers.map((container) => container.nameInput).join(' ');
    const update = `${dockerCommand(engine)} update`;
    new DataResource(this, 'pids', {
      triggersReplace: { containers: containers.map((container) => container.id), limit: PIDS_LIMIT },
      provisioners: [{ type: 'local-exec', command: `${update} --pids-limit ${PIDS_LIMIT} ${names}` }],
    });
  }
}
