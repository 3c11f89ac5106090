/** Read-only queries that a post-mortem sends to a node; each reply becomes one file. */
import type { Redis } from 'ioredis';
import { fieldsOf } from '../../redis/reply.ts';
import type { TopologyNode } from '../../topology.ts';
import { redactSettings } from './redaction.ts';

export interface NodeQuery {
  readonly file: string;
  run(redis: Redis): Promise<string>;
}

/** Formats a value as indented JSON. */
export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
const reply = (file: string, ...command: [string, ...string[]]): NodeQuery => ({
  file,
  run: async (redis) => {
    const answer = await redis.call(...command);
    return typeof answer === 'string' ? `${answer}\n` : json(answer);
  },
});

/**
 * Returns the queries for a node. Every reply is bounded and contains no keys, and no values except the arguments that
 * SLOWLOG keeps (128 bytes each).
 */
export function queriesOf({ role }: Pick<TopologyNode, 'role'>, serviceName: string): readonly NodeQuery[] {
  const both = [reply('info.txt', 'INFO', 'everything'), reply('clients.txt', 'CLIENT', 'LIST')];
  if (role === 'sentinel') {
    return [
      ...both,
      reply('master.json', 'SENTINEL', 'MASTER', serviceName),
      reply('replicas.json', 'SENTINEL', 'REPLICAS', serviceName),
      reply('sentinels.json', 'SENTINEL', 'SENTINELS', serviceName),
      reply('quorum.txt', 'SENTINEL', 'CKQUORUM', serviceName),
    ];
  }
  return [
    ...both,
    reply('role.json', 'ROLE'),
    {
      file: 'configuration.json',
      run: async (redis) => json(redactSettings(fieldsOf(await redis.config('GET', '*')))),
    },
    reply('users.json', 'ACL', 'LIST'),
    reply('acl-log.json', 'ACL', 'LOG', '50'),
    reply('slowlog.json', 'SLOWLOG', 'GET', '128'),
    reply('latency.json', 'LATENCY', 'LATEST'),
    reply('latency-doctor.txt', 'LATENCY', 'DOCTOR'),
    reply('memory-doctor.txt', 'MEMORY', 'DOCTOR'),
    reply('memory.json', 'MEMORY', 'STATS'),
  ];
}
