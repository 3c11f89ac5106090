import { exhaustionOf } from './exhaustion/index.ts';

/** The disk of the node's append-only files is full: it refuses writes (MISCONF) and serves reads. */
export const fillDisk = exhaustionOf('fill-disk', 'disk');
