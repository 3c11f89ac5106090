/** Before the tests on a Docker engine: what is missing for them, and the images that they run, made once and kept by hash. */
import { resolve } from 'node:path';
import type { TestProject } from 'vitest/node';
import { dockerChecks } from '../../infra/docker/doctor.ts';
import { buildImages } from '../../infra/docker/images.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Why the tests cannot run here; empty: they can. */
    readonly missing: string;
  }
}

const NEEDED = ['docker-engine', 'terraform', 'docker-provider'];

export async function setup(project: TestProject): Promise<void> {
  const stateDir = resolve('.kit');
  const checks = (await dockerChecks(stateDir)).filter(({ id }) => NEEDED.includes(id));
  const missing = checks.filter(({ state }) => state !== 'ok').map(({ found }) => found);
  project.provide('missing', missing.join('; '));
  if (checks.some(({ id, state }) => id === 'docker-engine' && state === 'ok'))
    await buildImages({ stateDir });
}
