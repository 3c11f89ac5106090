/** Settings of the CDKTF app. They come from environment variables, because `cdktf` defines the command line. */
import { join, resolve } from 'node:path';
import { readVariables } from '../../../config/env.ts';
import { IS_BUILT } from '../../../config/installation.ts';

export interface DockerSettings {
  /** `KIT_STACKS`: names or YAML files, comma-separated; undefined for every environment. */
  readonly stacks: readonly string[] | undefined;
  /** `KIT_STATE_DIR`; default `.kit`. */
  readonly stateDir: string;
  /** `KIT_ALLOW_DESTROY`: name of the protected environment that may be destroyed. */
  readonly allowDestroy: string | undefined;
  /** `KIT_ALLOW_ADOPT`: name of the protected environment that may be taken over from another checkout. */
  readonly allowAdopt: string | undefined;
  /** `KIT_ALLOW_OUTAGE`: name of the protected environment whose nodes a deploy may replace at the same time. */
  readonly allowOutage: string | undefined;
  /**
   * Whether Terraform's own variables set `-parallelism`: a task that waits outside of Terraform's order may then take
   * the slot of the resource that it waits for.
   */
  readonly ordered: boolean;
  /**
   * `KIT_IMAGE_REGISTRY`: registry to use for the published images instead of the engine's default, such as a mirror.
   */
  readonly imageRegistry: string | undefined;
  /** `KIT_IMAGES_LOCK`; default `config/images.lock.yaml` in the checkout, or `images.lock.yaml` with the package. */
  readonly imagesLock: string;
}

/**
 * Default path of the lock. With the package it is in the user's working directory, because an update would remove it
 * from the package folder.
 */
const LOCK = IS_BUILT ? 'images.lock.yaml' : join(import.meta.dirname, '../../../config/images.lock.yaml');

export function dockerSettings(variables = readVariables()): DockerSettings {
  const text = (name: string) => variables.get(name)?.text;
  return {
    stacks: text('KIT_STACKS')
      ?.split(',')
      .map((name) => name.trim()),
    stateDir: resolve(text('KIT_STATE_DIR') ?? '.kit'),
    allowDestroy: text('KIT_ALLOW_DESTROY'),
    allowAdopt: text('KIT_ALLOW_ADOPT'),
    allowOutage: text('KIT_ALLOW_OUTAGE'),
    ordered: ['TF_CLI_ARGS', 'TF_CLI_ARGS_apply'].some((name) => text(name)?.includes('parallelism')),
    imageRegistry: text('KIT_IMAGE_REGISTRY'),
    imagesLock: resolve(text('KIT_IMAGES_LOCK') ?? LOCK),
  };
}
