/**
 * Generates the load in its own thread, so that the process that replaces the nodes does not delay any operation. Ends
 * when it receives a message.
 */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { sentinelCache } from '../../client/index.ts';
import { loadAtRate } from './load.ts';

const { login, perSecond } = workerData;
const cache = sentinelCache(login);
await cache.ping();
await using load = loadAtRate(cache, perSecond);
parentPort?.postMessage('started');
if (parentPort !== null) await once(parentPort, 'message');
parentPort?.postMessage(await load.stop());
await cache.close();
