/** Gates and waivers of a run: first from the kit, then from kit.yaml, then from the files on the command line. */
import type { Gates } from '../config/gates.ts';
import { loadOwnGates } from '../config/own-gates.ts';
import { findProject } from '../config/project.ts';

/** Reads the gates. @throws KitError CONFIG_INVALID, and the other errors that reading a YAML file can cause */
export function gatesOfRun(files: readonly string[]): Gates {
  const project = findProject();
  return loadOwnGates({
    files: [...project.gates, ...files],
    today: new Date().toISOString(),
    ...(project.file !== undefined && { waivers: { file: project.file, waivers: project.waivers } }),
  });
}
