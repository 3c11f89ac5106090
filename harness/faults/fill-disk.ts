import { exhaustionOf } from './exhaustion/index.ts';

/**
 * The disk that holds the node's append-only files is full: the node refuses writes (MISCONF) but still serves reads.
 */
export const fillDisk = exhaustionOf('fill-disk', 'disk');
