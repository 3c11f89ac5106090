import { exhaustionOf } from './exhaustion/index.ts';

/** The memory of the node is full, and something goes on writing: it evicts keys or refuses writes, by its policy. */
export const fillMemory = exhaustionOf('fill-memory', 'memory');
