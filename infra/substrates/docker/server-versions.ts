/** Server versions of existing containers, compared with the image that the next deploy uses. Read-only. */
import { EXIT, KitError } from '../../../config/errors.ts';
import { versionProblem } from '../../redis/rdb-version.ts';
import { serverOf } from '../../redis/server-capabilities.ts';
import { formatServer, isServer, parseBanner, type ServerVersion } from '../../redis/server-version.ts';
import { type ContainerFacts, imageIds, inspectContainers, tryDocker } from './engine.ts';
import type { Engine } from './engines.ts';
import { kitCommand } from './hint-commands.ts';
import { chooseImages, type ImageSet, imageName } from './images.ts';
import { type DockerPlan, enginesIn, type PlannedNode } from './plan.ts';

interface NodeVersion {
  readonly node: PlannedNode;
  readonly server: ServerVersion;
}

/**
 * Returns the servers of the nodes whose image differs from the image of the next deploy.
 *
 * @param found existing containers, by name
 */
async function readVersions(
  plan: DockerPlan,
  found: ReadonlyMap<string, ContainerFacts>,
  { redis }: ImageSet,
): Promise<readonly NodeVersion[]> {
  const next = await imageIds(imageName(redis), enginesIn(plan));
  const imageOf = ({ container }: PlannedNode) => found.get(container)?.Image;
  const images = new Map(
    plan.nodes.flatMap((node) => {
      const image = imageOf(node);
      return image === undefined || image === next.get(node.engine) ? [] : [[image, node.engine] as const];
    }),
  );
  const read = [...images].map(async ([image, engine]) => [image, await serverIn(image, engine)] as const);
  const servers = new Map(await Promise.all(read));
  return plan.nodes.flatMap((node) => {
    const server = servers.get(imageOf(node) ?? '');
    return server === undefined ? [] : [{ node, server }];
  });
}

/** Returns the server in an image; undefined if the engine no longer has the image. */
async function serverIn(image: string, engine: Engine | undefined): Promise<ServerVersion | undefined> {
  const options = ['run', '--rm', '--network', 'none', '--entrypoint', 'sh'];
  const banner = '"$(command -v redis-server || command -v valkey-server)" --version';
  return parseBanner((await tryDocker([...options, image, '-c', banner], { engine })).stdout);
}

/** Returns the nodes whose server will have another version after the next deploy. */
export async function otherVersions(
  plan: DockerPlan,
  found: ReadonlyMap<string, ContainerFacts>,
  images: ImageSet,
): Promise<readonly { readonly container: string; readonly found: string; readonly expected: string }[]> {
  const next = serverOf(images.facts);
  const read = await readVersions(plan, found, images);
  return read
    .filter(({ server }) => !isServer(server, next))
    .map(({ node, server }) => ({
      container: node.container,
      found: formatServer(server),
      expected: formatServer(next),
    }));
}

/**
 * Checks before a deploy that its server can read the data of the existing nodes.
 *
 * @throws KitError `VERSION_DOWNGRADE`
 */
export async function requireReadableData(plan: DockerPlan, stateDir: string): Promise<void> {
  const { environment } = plan;
  const images = chooseImages(stateDir, environment);
  const found = await inspectContainers(plan.nodes);
  for (const { node, server } of await readVersions(plan, found, images)) {
    const problem = node.node.role === 'redis' ? versionProblem(server, serverOf(images.facts)) : undefined;
    if (problem === undefined) continue;
    throw new KitError(`${node.id} cannot keep its data with this server: ${problem}`, {
      code: 'VERSION_DOWNGRADE',
      exitCode: EXIT.UNKNOWN,
      where: environment.name,
      hint: `keep a server version that can read this data, or start empty: ${kitCommand('down', environment)}, then ${kitCommand('up', environment)} (docs/runbook.md, "Change of the version")`,
    });
  }
}
