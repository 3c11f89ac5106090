/** Entry point of the thread that samples the machine for a whole run, one trial at a time. */
import '../../../config/es2024.ts';
import { parentPort } from 'node:worker_threads';
import type { FromWatch, ToWatch } from './protocol.ts';
import { MachineSampling } from './sampling.ts';

let sampling: MachineSampling | undefined;

const sendToMain = (message: FromWatch) => parentPort?.postMessage(message);

parentPort?.on('message', async (message: ToWatch) => {
  if (message.type === 'threads') sampling?.watch(message.threads);
  else if (message.type === 'begin') {
    await sampling?.close().catch(() => undefined);
    const begun = new MachineSampling(message.request, (name) => sendToMain({ type: 'gone', name }));
    sampling = begun;
    await begun.connected();
    sendToMain({ type: 'begun' });
  } else {
    const ending = sampling;
    sampling = undefined;
    try {
      await ending?.close();
      sendToMain({ type: 'ended' });
    } catch (error) {
      sendToMain({ type: 'ended', error: error instanceof Error ? error.message : String(error) });
    }
  }
});
