/**
 * Entry point of the process that exhausts a server resource. The process restores the resource on request and when the
 * IPC channel closes, so that a harness that crashes or is killed leaves no server without connections or memory.
 */
import '../../../config/es2024.ts';
import { Redis } from 'ioredis';
import { DIRECT_CONNECTION } from '../../../infra/redis/connection-options.ts';
import { exhaustConnections } from './connections.ts';
import { exhaustDisk } from './disk.ts';
import { exhaustMemory } from './memory.ts';
import type { Access, Exhaust, Exhaustion, ResourceName } from './resource.ts';

export type ExhaustionCommand =
  | { readonly do: 'exhaust'; readonly resource: ResourceName; readonly access: Access }
  | { readonly do: 'restore' };

export interface ExhaustionReply {
  readonly detail?: string;
  readonly error?: string;
}

const EXHAUST: Readonly<Record<ResourceName, Exhaust>> = {
  connections: exhaustConnections,
  memory: exhaustMemory,
  disk: exhaustDisk,
};

/**
 * Reconnects after a failover, which closes the connections of the node: its resource must still be restored, so
 * commands wait until the connection is open again.
 */
const RECONNECTION = {
  enableOfflineQueue: true,
  maxRetriesPerRequest: 50,
  retryStrategy: () => 100,
} as const;

let admin: Redis | undefined;
let exhausting: Promise<Exhaustion> | undefined;

async function exhaust(resource: ResourceName, access: Access): Promise<Exhaustion> {
  const { host, port, username, password, ca } = access;
  admin = new Redis({
    ...DIRECT_CONNECTION,
    ...RECONNECTION,
    ...{ host, port, username, password },
    ...(ca !== undefined && { tls: { ca } }),
  });
  admin.on('error', () => undefined);
  await admin.connect();
  return EXHAUST[resource](admin, access);
}

/** Restores the resource once. If that fails, the next call tries again. */
async function restore(): Promise<void> {
  const exhaustion = await exhausting?.catch(() => undefined);
  await exhaustion?.restore();
  exhausting = undefined;
}

process.on('message', (command: ExhaustionCommand) => {
  if (command.do === 'exhaust') exhausting = exhaust(command.resource, command.access);
  const done = command.do === 'exhaust' ? exhausting : restore();
  done?.then(
    (exhaustion) =>
      process.send?.({ ...(exhaustion && { detail: exhaustion.detail }) } satisfies ExhaustionReply),
    (error: Error) => process.send?.({ error: error.message } satisfies ExhaustionReply),
  );
});
process.on('disconnect', () => {
  restore()
    .catch(() => undefined)
    .finally(() => process.exit(0));
});
// Signals reach the whole process group; this process ends when its owner closes the channel.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
