/** Gates and waivers of a run: the kit's, then those of kit.yaml, then those of the files on the command line. */
import type { Gates } from '../config/gates.ts';
import { loadOwnGates } from '../config/own-gates.ts';
import { findProject } from '../config/project.ts';

/** @throws KitError CONFIG_INVALID and the other errors of a YAML file */
export function gatesOfRun(files: readonly string[]): Gates {
  const project = findProject();
  return loadOwnGates({
    files: [...project.gates, ...files],
    today: new Date().toISOString(),
    ...(project.file !== undefined && { waivers: { file: project.file, waivers: project.waivers } }),
  });
}
