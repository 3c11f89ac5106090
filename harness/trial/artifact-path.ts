import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { LOGS } from '../evidence/run-folder.ts';
import type { TrialContext } from './context.ts';

/** Returns the path of a file that is stored with the logs of the run. Creates its folder. */
export function artifactPath(
  { dir, drill, trial }: Pick<TrialContext, 'dir' | 'drill' | 'trial'>,
  name: string,
): string {
  const folder = join(dir, LOGS, `${drill.id}-${trial}`);
  mkdirSync(folder, { recursive: true });
  return join(folder, name);
}
