/**
 * The sentinels. They start at the same time as the servers that they monitor; the entry point waits for the servers.
 */
import { Construct } from 'constructs';
import { Node } from './node.ts';
import type { StackParts } from './stack-parts.ts';

export class Sentinels extends Construct {
  readonly nodes: readonly Node[];

  constructor(scope: Construct, id: string, parts: StackParts) {
    super(scope, id);
    this.nodes = parts.plan.nodes
      .filter(({ node }) => node.role === 'sentinel')
      .map((planned) => new Node(this, planned, parts));
  }
}
