import type { Fault } from './fault.ts';

/** The node closes every connection of the application's user: CLIENT KILL. There is nothing to undo. */
export const cutConnections: Fault = {
  id: 'cut-connections',
  async inject(environment, nodeId) {
    const { username } = environment.endpoints.app;
    const closed = await (await environment.admin(nodeId)).call('CLIENT', 'KILL', 'USER', username);
    return { heal: async () => undefined, detail: `${String(closed)} connections of ${username}` };
  },
};
