/** What the CDKTF app is told from outside, by variables: its command line belongs to `cdktf`. */
import { resolve } from 'node:path';
import { readVariables } from '../../config/env.ts';

export interface DockerSettings {
  /** `KIT_STACKS`: names or YAML files, comma-separated; undefined: every environment. */
  readonly stacks: readonly string[] | undefined;
  /** `KIT_STATE_DIR`; default `.kit`. */
  readonly stateDir: string;
  /** `KIT_ALLOW_DESTROY`: the one protected environment that may be destroyed. */
  readonly allowDestroy: string | undefined;
}

export function dockerSettings(variables = readVariables()): DockerSettings {
  const text = (name: string) => variables.get(name)?.text;
  return {
    stacks: text('KIT_STACKS')
      ?.split(',')
      .map((name) => name.trim()),
    stateDir: resolve(text('KIT_STATE_DIR') ?? '.kit'),
    allowDestroy: text('KIT_ALLOW_DESTROY'),
  };
}
