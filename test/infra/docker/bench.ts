/** A state directory with this machine's images, and small environments on ports of their own, for tests on the engine. */
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describe, inject } from 'vitest';
import { loadEnvironment } from '../../../config/load.ts';
import { type EnvironmentConfig, environmentSchema } from '../../../config/schema.ts';
import { ownerOf } from '../../../infra/docker/identity.ts';
import { imagesFile } from '../../../infra/docker/images.ts';
import { LABEL } from '../../../infra/docker/plan.ts';
import { type StateDir, temporaryStateDir } from '../local/bench.ts';

/** The images that the suite's setup built (or found) are used by every test. */
export function engineStateDir(): StateDir {
  // No hook runs in a file whose tests are all skipped: what nobody removes is not made.
  if (inject('missing').deploy !== '') return { path: '/nowhere', [Symbol.dispose]: () => {} };
  const state = temporaryStateDir();
  const built = imagesFile(resolve('.kit'));
  if (existsSync(built)) {
    mkdirSync(dirname(imagesFile(state.path)), { recursive: true });
    cpSync(built, imagesFile(state.path));
  }
  return state;
}

/** As a deploy from that state directory labels what it makes; for `docker create`, `docker network create`. */
export function labelsOfDeploy(environment: EnvironmentConfig, stateDir: string): readonly string[] {
  const labels = [
    `${LABEL.environment}=${environment.name}`,
    `${LABEL.owner}=${ownerOf(environment, stateDir).id}`,
  ];
  return labels.flatMap((label) => ['--label', label]);
}

/** `dev` on ports that no other environment of this machine publishes. */
export function configuration(
  name: string,
  change: Partial<Pick<EnvironmentConfig, 'security' | 'topology'>> = {},
  firstPort = 27_300,
): EnvironmentConfig {
  const dev = loadEnvironment('dev');
  const ports = {
    redis: firstPort,
    sentinel: firstPort + 10,
    exporter: firstPort + 20,
    commander: firstPort + 21,
  };
  return environmentSchema.parse({ ...dev, name, ...change, docker: { ports } });
}

/** Three masters with a replica each, which notice a death after a second, on ports of their own. */
export function clusterConfiguration(name: string, firstPort: number): EnvironmentConfig {
  const cluster = loadEnvironment('cluster', { 'cluster.nodeTimeoutMs': 1_000 });
  const ports = { redis: firstPort, exporter: firstPort + 20, commander: firstPort + 21 };
  return environmentSchema.parse({ ...cluster, name, docker: { ports } });
}

/**
 * A suite that needs the engine and, where it deploys, Terraform with its plugin. Where one is missing each of its tests is
 * reported as skipped, by name, with the reason.
 */
export function describeOnEngine(
  name: string,
  body: () => void,
  needs: 'deploy' | 'engine' = 'deploy',
): void {
  const missing = inject('missing')[needs];
  describe.runIf(missing === '')(missing === '' ? name : `${name} [skipped: ${missing}]`, body);
}
