/**
 * Threads and processes that a test starts keep their compiled TypeScript, as the threads and processes of `kit` do.
 * vitest disables this for coverage, which does not include those threads and processes; the modules of the test itself
 * are loaded by vitest.
 */
import { resolve } from 'node:path';

delete process.env.NODE_DISABLE_COMPILE_CACHE;
process.env.NODE_COMPILE_CACHE = resolve('node_modules/.cache/kit');
