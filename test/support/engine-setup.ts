/**
 * Setup for the tests that use a Docker engine: checks the requirements, and builds the images for the tests once.
 * Built images are cached by their hash.
 */
import { resolve } from 'node:path';
import type { TestProject } from 'vitest/node';
import { buildImages } from '../../infra/substrates/docker/build-images.ts';
import { dockerChecks } from '../../infra/substrates/docker/doctor.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /**
     * Reason why tests that deploy, or tests that need only an engine, cannot run on this machine; empty if they can.
     */
    readonly missing: { readonly deploy: string; readonly engine: string };
  }
}

export async function setup(project: TestProject): Promise<void> {
  const stateDir = resolve('.kit');
  const checks = await dockerChecks(stateDir);
  const failed = (...ids: readonly string[]) =>
    checks.filter(({ id, state }) => ids.includes(id) && state === 'fail').map(({ found }) => found);
  const engine = failed('docker-engine');
  const missing = failed('docker-engine', 'terraform', 'docker-provider');
  project.provide('missing', { deploy: missing.join('; '), engine: engine.join('; ') });
  if (engine.length === 0) await buildImages({ stateDir });
}
