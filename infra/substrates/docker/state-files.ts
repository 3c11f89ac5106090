/** Folder for the files that persist between commands, one per environment on Docker. */
import { join } from 'node:path';

export const environmentDir = (stateDir: string, name: string): string => join(stateDir, 'docker', name);
