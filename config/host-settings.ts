/** Docker hosts of an environment, and the nodes that are assigned to a specific host. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { means } from './meaning.ts';

const file = z
  .string()
  .min(1)
  .transform((path) => resolve(path))
  .describe('the path of a PEM file');

const hostName = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,30}$/,
    'at most 31 lower-case letters, digits and dashes, the first one a letter',
  );

/** IPv4 address, except loopback addresses: in a container, a loopback address refers to the container itself. */
const ADDRESS = /^(?!127\.|0\.)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

/** Without a password: ssh takes none from a URL. No name starts with a dash, which ssh would read as an option. */
const ENGINE =
  /^(?:ssh:\/\/(?:\w[\w.-]*@)?\w[\w.-]*(?::\d{1,5})?|tcp:\/\/\w[\w.-]*:\d{1,5}|unix:\/\/\/[\w./-]+)$/;

/** Id of a node that can be placed. */
const NODE_ID = /^(?:redis|sentinel)-[1-9]\d?$/;

const hostSchema = z.strictObject({
  name: hostName.meta(means('Name of the host, for messages and `placement`.')),
  engine: z
    .string()
    .regex(ENGINE)
    .describe('ssh://USER@HOST or ssh://USER@HOST:PORT, tcp://HOST:PORT with tls, or unix:///PATH')
    .meta(
      means(
        'Address of the Docker engine of the host. For ssh, the configuration, keys and known hosts of the user apply (~/.ssh/config).',
      ),
    ),
  address: z
    .string()
    .regex(ADDRESS)
    .describe('an IPv4 address such as 10.0.0.11, not a loopback address')
    .meta(means('Address of the host for clients and for the nodes on other hosts.')),
  tls: z
    .strictObject({
      ca: file.meta(means('Certificate of the certificate authority of the engine.')),
      cert: file.meta(means('Client certificate.')),
      key: file.meta(means('Private key of the client certificate.')),
    })
    .optional()
    .meta(means('Client files for an engine at tcp://, absolute or relative to the working directory.')),
});

export const hostsSetting = z
  .array(hostSchema)
  .min(1)
  .optional()
  .meta(
    means(
      'Docker hosts over which the nodes are spread, used only if the environment runs on Docker. Nodes listen on the address of their host, at the ports in `docker.ports`. If omitted, all nodes run on one engine.',
    ),
  );

export const placementSetting = z
  .record(z.string().regex(NODE_ID, 'the id of a node, such as redis-1 or sentinel-3'), hostName)
  .optional()
  .meta(
    means(
      'Hosts of single nodes, by node id. All other nodes are spread evenly, in the order of `hosts`.',
      'a map of node ids (redis-1, sentinel-3) to names of `hosts`',
    ),
  );

export type HostSetting = z.infer<typeof hostSchema>;
