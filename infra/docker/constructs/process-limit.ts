/**
 * The most processes and threads that a container may have. The provider cannot say it (4.5.0 has no such argument, and the engine no
 * default for it), so Terraform has the engine told by its command line, once for all containers, and again when one is a new
 * one. The provider's plan does not look at the limit, and its updates leave it alone.
 */
import type { Container } from '@cdktf/provider-docker/lib/container/index.js';
import { DataResource } from 'cdktf';
import { Construct } from 'constructs';
import { PIDS_LIMIT } from '../plan.ts';

export class ProcessLimit extends Construct {
  constructor(scope: Construct, id: string, containers: readonly Container[]) {
    super(scope, id);
    const names = containers.map((container) => container.nameInput).join(' ');
    new DataResource(this, 'pids', {
      triggersReplace: { containers: containers.map((container) => container.id), limit: PIDS_LIMIT },
      provisioners: [{ type: 'local-exec', command: `docker update --pids-limit ${PIDS_LIMIT} ${names}` }],
    });
  }
}
