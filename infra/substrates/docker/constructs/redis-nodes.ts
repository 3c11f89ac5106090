/** The Redis servers. Terraform does not assign roles: the entry point determines the master at startup. */
import { Construct } from 'constructs';
import type { DockerPlan } from '../plan.ts';
import { Node } from './node.ts';
import type { PartsFor } from './stack-parts.ts';

export class RedisNodes extends Construct {
  readonly nodes: readonly Node[];

  constructor(scope: Construct, id: string, plan: DockerPlan, partsFor: PartsFor) {
    super(scope, id);
    this.nodes = plan.nodes
      .filter(({ node }) => node.role === 'redis')
      .map((planned) => new Node(this, planned, partsFor(planned)));
  }
}
