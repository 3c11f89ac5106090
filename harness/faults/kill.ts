import { endedNode } from './ended-node.ts';

/** The node dies as in a crash: SIGKILL without a grace period. Its data is kept. Healing starts the node again. */
export const killNode = endedNode('kill');
