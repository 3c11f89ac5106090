import { Emitter } from '../api/events.ts';
import type { ConnectionEvent, RedisOptions, SupervisedConnection } from '../api/types.ts';
import { CONNECTION_OPTIONS } from '../options/cache-option-names.ts';
import { type ResolvedConnection, resolveConnection } from '../options/connection-options.ts';
import { assertOptions } from '../options/option-names.ts';
import type { CacheConnection } from './cache-connection.ts';
import { ClusterConnection } from './cluster/connection.ts';
import { ConnectionFactory } from './connection-factory.ts';
import { Pool } from './pool.ts';
import { Supervisor } from './supervisor.ts';
import { UnsupervisedConnection } from './unsupervised.ts';

/**
 * Opens a connection.
 *
 * @param factory shared factory, so that the connections of a pool do not each repeat a rejected login
 */
export function openConnection(
  options: ResolvedConnection,
  factory = new ConnectionFactory(options),
): CacheConnection {
  const first = openOne(options, factory);
  if (options.poolSize === 1) return first;
  return new Pool([first, ...Array.from({ length: options.poolSize - 1 }, () => openOne(options, factory))]);
}

function openOne(options: ResolvedConnection, factory: ConnectionFactory): CacheConnection {
  const events = new Emitter<ConnectionEvent>();
  if (!options.supervision) return new UnsupervisedConnection(options, events, factory);
  if (options.mode === 'cluster') return new ClusterConnection(options, events, factory);
  const monitor = options.mode === 'sentinel' ? (changed: () => void) => factory.monitor(changed) : undefined;
  return new Supervisor(options, events, factory, monitor);
}

/**
 * Opens a persistent connection to the current master. Connects in the background; commands wait for the connection
 * until their deadline.
 *
 * @throws ConfigurationError if an option is invalid
 */
export function connect(options: RedisOptions): SupervisedConnection {
  const resolved = resolveConnection(options);
  assertOptions('', options, CONNECTION_OPTIONS[resolved.mode]);
  return openConnection(resolved);
}
