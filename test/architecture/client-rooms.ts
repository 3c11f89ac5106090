/**
 * Import rules for the client, an npm package: public contracts at the bottom, the composition at the top. Only the top
 * imports an extra.
 */
import { type Room, room } from './rules.ts';

/** Folders of the client that need no connection. */
const CLIENT_BASE = ['api', 'options', 'keys', 'codec'].map((name) => `client/${name}/`);
const CLIENT_SERVER = [...CLIENT_BASE, ...['transport', 'functions', 'l1'].map((name) => `client/${name}/`)];
const CLIENT_CACHE = ['invalidation', 'load', 'cache'].map((name) => `client/${name}/`);

/** The source files of the package's entry points: programs outside the client may import only these. */
export const CLIENT_ENTRIES = [
  ...['index', 'env', 'envelope', 'types'].map((name) => `client/${name}.ts`),
  ...['analytics', 'metrics', 'warming'].map((name) => `client/extras/${name}/index.ts`),
  ...['health', 'llm', 'log', 'shared-statistics', 'telemetry', 'wrap'].map(
    (name) => `client/extras/${name}.ts`,
  ),
  ...['read-write', 'write-behind'].map((name) => `client/extras/through/${name}.ts`),
];

export const CLIENT_ROOMS: readonly Room[] = [
  room('client/api/', 'public types, errors and events', [], { libraries: ['ioredis'], node: [] }),
  room('client/options/', 'user options, checked and with their defaults', [
    ...['api', 'keys'].map((name) => `client/${name}/`),
    'client/codec/plain.ts',
    'client/transport/address.ts',
  ]),
  room('client/keys/', 'names and keys', [...CLIENT_BASE, 'client/options/option-names.ts']),
  room('client/codec/', 'values as bytes', [...CLIENT_BASE, 'client/options/option-names.ts']),
  room('client/transport/', 'connections to standalone servers, sentinels and clusters', CLIENT_BASE, {
    libraries: ['ioredis'],
  }),
  room('client/functions/', 'procedures of several commands that run in the server', CLIENT_SERVER),
  room('client/l1/', 'the first tier and its coherence', CLIENT_SERVER),
  ...['invalidation', 'load', 'cache'].map((name) =>
    room(`client/${name}/`, 'the cache; knows no extra', [...CLIENT_SERVER, ...CLIENT_CACHE]),
  ),
  room(
    'client/extras/',
    'built on a cache; no other module of the client knows them',
    [
      ...CLIENT_BASE,
      ...['batches', 'exposition', 'options'].map((name) => `client/cache/${name}.ts`),
      'client/transport/timing.ts',
    ],
    { libraries: ['croner'] },
  ),
  room('client/env.ts', 'a cache configured by environment variables', [
    ...['api/', 'cache/options.ts', 'transport/address.ts', 'factories.ts', 'options/'].map(
      (name) => `client/${name}`,
    ),
  ]),
  room('client/factories.ts', 'composes a cache', [...CLIENT_SERVER, ...CLIENT_CACHE]),
  room('client/index.ts', 'the main entry point; it loads no extra', [
    ...CLIENT_SERVER,
    ...CLIENT_CACHE,
    ...['env', 'factories'].map((name) => `client/${name}.ts`),
  ]),
  room('client/envelope.ts', 'an entry point: the stored form of entries', [
    'client/codec/',
    'client/invalidation/tags/stored-tags.ts',
  ]),
  room('client/types.ts', 'an entry point: all types of the API', ['client/api/', 'client/keys/']),
];
