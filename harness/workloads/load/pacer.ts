/**
 * Entry point of the pacer's thread. Node.js timers have a resolution of 1 ms, which is the entire lag allowed for a
 * load step. This thread sleeps with the resolution of the kernel (`Atomics.wait`) and sends each load thread a message
 * per tick while a step runs. A thread that has not handled the last tick does not get another one.
 */
import '../../../config/es2024.ts';
import { workerData } from 'node:worker_threads';
import { PACER, type PacerSetup } from './pacer-state.ts';

function pace({ ports, ticking, control, tickMs }: PacerSetup): void {
  const flags = new Int32Array(ticking);
  const state = new Int32Array(control);
  let dueMs = performance.now();
  while (Atomics.load(state, 0) !== PACER.ended) {
    if (Atomics.load(state, 0) === PACER.paused) {
      Atomics.wait(state, 0, PACER.paused);
      continue;
    }
    dueMs = Math.max(dueMs + tickMs, performance.now());
    Atomics.wait(state, 0, PACER.running, dueMs - performance.now());
    for (const [place, port] of ports.entries())
      if (Atomics.exchange(flags, place, 1) === 0) port.postMessage(0);
  }
  for (const port of ports) port.close();
}

if (workerData !== null) pace(workerData as PacerSetup);
