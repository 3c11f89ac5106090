import { exhaustionOf } from './exhaustion/index.ts';

/** The node has `maxclients` connections and refuses every new one; existing connections stay open. */
export const saturateConnections = exhaustionOf('saturate-connections', 'connections');
