/**
 * Checks the engines of an environment's hosts before a deploy: whether they answer, and whether they have the images
 * that exist only on an engine (`kit images build`).
 */
import { EXIT, KitError } from '../../../config/errors.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { runProgram } from '../../host/process.ts';
import { engineVersion, imageExists, reachableEngines } from './engine.ts';
import { dockerCommand, type Engine, enginesOf, unreachableEngine } from './engines.ts';
import { chooseImages, imageName } from './images.ts';
import { askEngine } from './lost-engines.ts';
import { type DockerPlan, enginesIn, hasHosts, imageRolesOn } from './plan.ts';

const COPY_TIMEOUT_MS = 600_000;

type WithHosts = Pick<EnvironmentConfig, 'hosts'>;

/** Checks that every engine answers. @throws KitError `DOCKER_NO_ENGINE`, with the name of the host */
export async function requireEngines(environment: WithHosts): Promise<void> {
  await Promise.all(enginesOf(environment).map((engine) => engineVersion(engine)));
}

/** Returns the engines that answer. @throws KitError `DOCKER_NO_ENGINE` if none does */
export async function answeringEngines(environment: WithHosts): Promise<readonly (Engine | undefined)[]> {
  const [first, ...rest] = enginesOf(environment);
  if (first === undefined) {
    await engineVersion();
    return [undefined];
  }
  const answering = await reachableEngines([first, ...rest]);
  if (answering.length === 0) throw unreachableEngine(first);
  return answering;
}

/** Returns the versions of the engines for the evidence of a run: `20.10.24`, or `a 28.2.2, b unreachable`. */
export async function engineVersions(environment: WithHosts): Promise<string> {
  const versions = enginesOf(environment).map(async (engine) => {
    if (engine === undefined) return await engineVersion();
    const version = askEngine(engine, () => engineVersion(engine));
    return `${engine.host} ${await version.catch(() => 'unreachable')}`;
  });
  return (await Promise.all(versions)).join(', ');
}

/**
 * Copies images that are in no registry to the engines that lack them. Does nothing without `hosts`.
 *
 * @throws KitError `IMAGE_MISSING`
 */
export async function copyImages(
  stateDir: string,
  plan: DockerPlan,
  progress: (line: string) => void = () => {},
): Promise<void> {
  if (!hasHosts(plan)) return;
  const chosen = chooseImages(stateDir, plan.environment);
  const engines = enginesIn(plan);
  for (const engine of engines) {
    const local = imageRolesOn(plan, { engine }).map((role) => chosen[role]);
    const tags = local.filter(({ kind }) => kind === 'local').map(imageName);
    const here = await Promise.all(tags.map((tag) => imageExists(tag, engine)));
    for (const tag of tags.filter((_, i) => here[i] !== true)) {
      const source = await sourceOf(tag, [undefined, ...engines.filter((other) => other !== engine)]);
      progress(`copying image ${tag} to host ${engine?.host ?? ''}`);
      await copy(tag, source, engine);
    }
  }
}

/** Returns the first engine that has an image. An engine that is unreachable counts as having no image. */
async function sourceOf(tag: string, engines: readonly (Engine | undefined)[]): Promise<Engine | undefined> {
  for (const engine of engines) {
    if (await imageExists(tag, engine).catch(() => false)) return engine;
  }
  throw new KitError(`no engine has the image ${tag}`, {
    code: 'IMAGE_MISSING',
    where: tag,
    hint: 'run kit images build',
    exitCode: EXIT.UNKNOWN,
  });
}

async function copy(tag: string, from: Engine | undefined, to: Engine | undefined): Promise<void> {
  const pipe = `${dockerCommand(from)} save '${tag}' | ${dockerCommand(to)} load --quiet`;
  const record = await runProgram({ command: 'sh', args: ['-c', pipe], timeoutMs: COPY_TIMEOUT_MS });
  if (record.exitCode === 0) return;
  throw new KitError(
    `image ${tag} could not be copied to host '${to?.host ?? ''}': ${record.stderr.trim()}`,
    {
      code: 'IMAGE_MISSING',
      where: pipe,
      hint: 'check the free space on the host, and the connection to it',
      exitCode: EXIT.UNKNOWN,
    },
  );
}
