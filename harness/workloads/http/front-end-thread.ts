/**
 * Entry point of the front end's thread. Its setup, including secrets, is passed as workerData, never on a command
 * line.
 */
import '../../../config/es2024.ts';
import { parentPort, workerData } from 'node:worker_threads';
import type { ClientSpec } from '../adapter.ts';
import { loadClient } from '../client-module.ts';
import { openKit } from '../kit.ts';
import { seededRandom } from '../random.ts';
import { startFrontEnd } from './front-end.ts';

export interface FrontEndSetup {
  readonly spec: ClientSpec;
  readonly prefix: string;
  readonly maxValueBytes: number;
  readonly computeMs: number;
  readonly seed: number;
}

const port = parentPort;
if (port !== null) {
  const { spec, seed, ...options } = workerData as FrontEndSetup;
  const cache = openKit(spec, await loadClient(spec));
  await cache.ping();
  const served = await startFrontEnd({ ...options, cache, random: seededRandom(seed, 'front-end') });
  port.once('message', async () => {
    await served.close();
    await cache.close();
    port.postMessage('closed');
    port.close();
  });
  port.postMessage(served.url);
}
