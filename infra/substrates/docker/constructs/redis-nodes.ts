/** The Redis servers. Terraform does not assign roles: the entry point determines the master at startup. */
import { Construct } from 'constructs';
import { Node } from './node.ts';
import type { StackParts } from './stack-parts.ts';

export class RedisNodes extends Construct {
  readonly nodes: readonly Node[];

  constructor(scope: Construct, id: string, parts: StackParts) {
    super(scope, id);
    this.nodes = parts.plan.nodes
      .filter(({ node }) => node.role === 'redis')
      .map((planned) => new Node(this, planned, parts));
  }
}
