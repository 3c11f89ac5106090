/** The sentinels; they start after the servers that they watch. */
import { Construct } from 'constructs';
import type { StackParts } from '../stack.ts';
import { Node } from './node.ts';
import type { RedisNodes } from './redis-nodes.ts';

export class Sentinels extends Construct {
  readonly nodes: readonly Node[];

  constructor(scope: Construct, id: string, parts: StackParts, redis: RedisNodes) {
    super(scope, id);
    this.nodes = parts.plan.nodes
      .filter(({ node }) => node.role === 'sentinel')
      .map((planned) => new Node(this, planned, parts, redis.nodes));
  }
}
