/**
 * The sentinels. They start at the same time as the servers that they monitor; the entry point waits for the servers.
 */
import { Construct } from 'constructs';
import type { DockerPlan } from '../plan.ts';
import { Node } from './node.ts';
import type { PartsFor } from './stack-parts.ts';

export class Sentinels extends Construct {
  readonly nodes: readonly Node[];

  constructor(scope: Construct, id: string, plan: DockerPlan, partsFor: PartsFor) {
    super(scope, id);
    this.nodes = plan.nodes
      .filter(({ node }) => node.role === 'sentinel')
      .map((planned) => new Node(this, planned, partsFor(planned)));
  }
}
