import type { Fault } from './fault.ts';
import { cutOff } from './partition.ts';

/**
 * The node and the first sentinel are cut off from all other nodes: a sentinel on the minority side keeps the previous
 * configuration. Clients still reach both sides.
 */
export const partitionMinority: Fault = {
  id: 'partition-minority',
  inject: (environment, nodeId) => cutOff(environment, [nodeId, 'sentinel-1']),
};
