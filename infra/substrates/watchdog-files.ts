/** Files of the watchdog's program, which are the same for a local process and for a container. */
import { join } from 'node:path';

export const WATCHDOG_DIR = join(import.meta.dirname, '..', 'watchdog');
export const WATCHDOG_PROGRAM = 'watchdog.mjs';
export const WATCHDOG_FILES = [WATCHDOG_PROGRAM, 'decision.mjs', 'resp.mjs'] as const;
