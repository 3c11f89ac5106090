/** Folder with the environment files on Docker that persist between commands. */
import { join } from 'node:path';

export const environmentDir = (stateDir: string, name: string): string => join(stateDir, 'docker', name);
