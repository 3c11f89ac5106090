/**
 * Threads and processes that a test starts cache their compiled TypeScript, like the threads and processes of `kit`.
 * vitest disables this cache for the sake of coverage, which does not include those threads and processes. vitest
 * itself loads the modules of the test.
 */
import { resolve } from 'node:path';

delete process.env.NODE_DISABLE_COMPILE_CACHE;
process.env.NODE_COMPILE_CACHE = resolve('node_modules/.cache/kit');
