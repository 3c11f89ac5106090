/**
 * Before a node is replaced, provides the node image of an environment that names its server: finds the image on the
 * engine or pulls it, probes it, and compares it with `redis.server`. The result is stored for `chooseImages`, which
 * queries nothing.
 *
 *   redis.server, docker.image ─▶ image on the engine? ─▶ pull ─▶ probe ─▶ `<state>/docker/probed-images.json`
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { EXIT, KitError } from '../../../config/errors.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { type NamedServer, namedServer } from '../../../config/server-name.ts';
import { type BinaryFacts, serverOf } from '../../redis/server-capabilities.ts';
import { formatServer, isServer } from '../../redis/server-version.ts';
import { tryDocker } from './engine.ts';
import { chooseImages, imageName, probedFile, probeFacts, readImages, readProbed } from './images.ts';

const PULL_TIMEOUT_MS = 600_000;

export interface ProvideOptions {
  readonly progress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Provides the image. Does nothing for an environment that names no server.
 *
 * @throws KitError `IMAGE_NOT_AVAILABLE`, `IMAGE_UNUSABLE`, `IMAGE_OTHER_VERSION`
 */
export async function provideNodeImage(
  stateDir: string,
  environment: EnvironmentConfig,
  options: ProvideOptions = {},
): Promise<void> {
  const wanted = namedServer(environment);
  if (wanted === undefined) return;
  const { redis: node } = chooseImages(stateDir, environment);
  const common = chooseImages(stateDir).redis;
  // The kit's own image contains this server, so Terraform provides it as it does for every other environment.
  if (environment.docker.image === undefined && imageName(node) === imageName(common)) return;
  if (node.kind !== 'dockerfile') {
    if ((await imageId(imageName(node))) !== undefined) return;
    throw notAvailable(environment, wanted, { image: imageName(node), why: 'it was removed', stateDir });
  }
  const found = await findImage(node.base, node.tag, options);
  if ('why' in found) throw notAvailable(environment, wanted, { image: node.base, ...found, stateDir });
  const facts = await factsOf(stateDir, node.base, found);
  if (isServer(serverOf(facts), wanted)) return;
  throw new KitError(
    `image ${node.base} has ${formatServer(serverOf(facts))}; redis.server requires ${formatServer(wanted)}`,
    {
      code: 'IMAGE_OTHER_VERSION',
      exitCode: EXIT.UNKNOWN,
      where: placeOf(environment),
      hint: `set docker.image to an image with ${formatServer(wanted)}, or change redis.server`,
    },
  );
}

interface FoundImage {
  readonly name: string;
  readonly id: string;
}

/** Finds the base on the engine, or else the node image that was built on it; otherwise pulls the base. */
async function findImage(
  base: string,
  node: string,
  { progress, signal }: ProvideOptions,
): Promise<FoundImage | { readonly why: string }> {
  for (const name of [base, node]) {
    const id = await imageId(name);
    if (id !== undefined) return { name, id };
  }
  progress?.(`image ${base}`);
  const limits = { timeoutMs: PULL_TIMEOUT_MS, ...(signal && { signal }) };
  const pulled = await tryDocker(['pull', '--quiet', base], limits);
  const id = await imageId(base);
  if (pulled.exitCode === 0 && id !== undefined) return { name: base, id };
  return { why: pulled.stderr.trim().split('\n').at(-1) ?? 'the pull failed' };
}

async function imageId(name: string): Promise<string | undefined> {
  const record = await tryDocker(['image', 'inspect', '--format', '{{.Id}}', name]);
  return record.exitCode === 0 ? record.stdout.trim() : undefined;
}

/** Returns the facts about an image, which are probed once per id. */
async function factsOf(stateDir: string, base: string, { name, id }: FoundImage): Promise<BinaryFacts> {
  const probed = readProbed(stateDir);
  const known = probed[base];
  if (known?.id === id) return known.facts;
  const facts = await probeFacts(name);
  const path = probedFile(stateDir);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${JSON.stringify({ ...probed, [base]: { id, facts } }, null, 2)}\n`);
  return facts;
}

const placeOf = ({ name, docker }: EnvironmentConfig): string =>
  `${name}: ${docker.image === undefined ? 'redis.server' : 'docker.image'}`;

function notAvailable(
  environment: EnvironmentConfig,
  wanted: NamedServer,
  { image, why, stateDir }: { readonly image: string; readonly why: string; readonly stateDir: string },
): KitError {
  const own = readImages(stateDir);
  const servers = own === undefined ? [] : [own, ...(own.servers ?? [])].map(({ facts }) => facts);
  const have = servers.map((facts) => formatServer(serverOf(facts))).join(', ');
  const onMachine = have === '' ? '' : `; images on this machine have ${have}`;
  return new KitError(
    `no image with ${formatServer(wanted)}: ${image} is not on this engine, and cannot be pulled: ${why}${onMachine}`,
    {
      code: 'IMAGE_NOT_AVAILABLE',
      exitCode: EXIT.UNKNOWN,
      where: placeOf(environment),
      hint: `run the command with access to a registry (or set KIT_IMAGE_REGISTRY to a mirror), set docker.image to an image on this engine, or build one from a server program: kit images build --server PATH`,
    },
  );
}
