/**
 * Facts about one engine that are compared with the plan: images, missing networks and volumes, containers. Read-only.
 */
import { docker, listLabelled } from './engine.ts';
import type { Engine } from './engines.ts';
import { type ImageSet, imageName } from './images.ts';
import { type DockerPlan, hasHosts, LABEL, type PlannedHost } from './plan.ts';
import { configVolumesOn, dataVolumesOn } from './plan-volumes.ts';

export interface EngineFacts {
  readonly host: PlannedHost;
  /** Expected image ids, by container role. */
  readonly images: Readonly<Record<string, string | undefined>>;
  readonly missingNetworks: readonly string[];
  readonly missingVolumes: readonly string[];
  /** Containers that have the environment label or name. */
  readonly containers: readonly string[];
}

export async function engineFacts(
  plan: DockerPlan,
  host: PlannedHost,
  chosen: ImageSet,
): Promise<EngineFacts> {
  const { engine } = host;
  const { data, publish } = plan.networks;
  const volumes = [...configVolumesOn(plan, host), ...dataVolumesOn(plan, host)];
  const networks = hasHosts(plan) ? [publish.name] : [data.name, publish.name];
  const [images, missingNetworks, missingVolumes, labelled, named] = await Promise.all([
    expectedImages(plan, chosen, engine),
    missingNames('network', networks, engine),
    missingNames('volume', volumes, engine),
    listLabelled('container', `${LABEL.environment}=${plan.environment.name}`, engine),
    containersWithPrefix(plan, engine),
  ]);
  return { host, images, missingNetworks, missingVolumes, containers: [...new Set([...labelled, ...named])] };
}

async function expectedImages(
  { monitoring }: DockerPlan,
  { redis, exporter, commander, prometheus, alertmanager }: ImageSet,
  engine: Engine | undefined,
): Promise<Readonly<Record<string, string | undefined>>> {
  const choices = {
    ...{ redis, exporter, commander, watchdog: commander },
    ...(monitoring && { prometheus, alertmanager, 'certificate-probe': commander }),
  };
  const entries = Object.entries(choices).map(async ([role, choice]) => {
    const format = ['--format', '{{.Id}}', imageName(choice)];
    const id = await docker(['image', 'inspect', ...format], { engine }).catch(() => undefined);
    // The next deploy builds the image, and replaces containers that use another image.
    return [role, id ?? (choice.kind === 'dockerfile' ? imageName(choice) : undefined)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** Returns the names that the engine does not have. */
async function missingNames(
  kind: 'network' | 'volume',
  names: readonly string[],
  engine: Engine | undefined,
): Promise<readonly string[]> {
  const text = await docker([kind, 'ls', '--format', '{{.Name}}'], { engine });
  const have = new Set(text.split('\n'));
  return names.filter((name) => !have.has(name));
}

/** Returns the names of the containers that have the environment's name, with or without labels. */
async function containersWithPrefix(
  { environment }: DockerPlan,
  engine: Engine | undefined,
): Promise<readonly string[]> {
  const list = ['container', 'ls', '--all', '--filter', `name=^/kit-${environment.name}-`];
  const text = await docker([...list, '--format', '{{.Names}}'], { engine });
  return text === '' ? [] : text.split('\n');
}
