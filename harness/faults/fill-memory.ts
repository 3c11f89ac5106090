import { exhaustionOf } from './exhaustion/index.ts';

/** The memory of the node is full and is kept full: it evicts keys or refuses writes, depending on its policy. */
export const fillMemory = exhaustionOf('fill-memory', 'memory');
