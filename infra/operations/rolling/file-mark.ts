/** Stores the mark of a rolling change in a file in the state directory; the file contains the node's id. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { writePrivate } from '../../host/private-files.ts';
import type { RollingMark } from './change.ts';

export function fileMark(path: string): RollingMark {
  return {
    read: () => (existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined),
    write: (nodeId) => (nodeId === undefined ? rmSync(path, { force: true }) : writePrivate(path, nodeId)),
  };
}
