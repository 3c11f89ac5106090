import { endedNode } from './ended-node.ts';

/** The node dies as in a crash: SIGKILL, no grace period, its data stays. The heal starts the node again. */
export const killNode = endedNode('kill');
