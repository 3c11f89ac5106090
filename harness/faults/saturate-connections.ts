import { exhaustionOf } from './exhaustion/index.ts';

/** The node has `maxclients` connections and refuses every new one; existing ones stay. */
export const saturateConnections = exhaustionOf('saturate-connections', 'connections');
