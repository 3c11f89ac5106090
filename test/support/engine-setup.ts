/** Before the tests on a Docker engine: the images that they run, made once and kept by their hash. */
import { resolve } from 'node:path';
import { engineVersion } from '../../infra/docker/engine.ts';
import { buildImages } from '../../infra/docker/images.ts';

export async function setup(): Promise<void> {
  const answers = await engineVersion().catch(() => undefined);
  if (answers !== undefined) await buildImages({ stateDir: resolve('.kit') });
}
