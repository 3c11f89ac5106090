/** The Redis servers. None is started as master or replica: the entry point asks who is. */
import { Construct } from 'constructs';
import type { StackParts } from '../stack.ts';
import { Node } from './node.ts';

export class RedisNodes extends Construct {
  readonly nodes: readonly Node[];

  constructor(scope: Construct, id: string, parts: StackParts) {
    super(scope, id);
    this.nodes = parts.plan.nodes
      .filter(({ node }) => node.role === 'redis')
      .map((planned) => new Node(this, planned, parts));
  }
}
