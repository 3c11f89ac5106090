import { endedNode } from './ended-node.ts';

/** The node is stopped in an orderly way: on SIGTERM it writes its data. Healing starts the node again. */
export const stopNode = endedNode('stop');
