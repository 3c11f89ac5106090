/** Entry of the thread that samples the machine for a whole run, one trial at a time. */
import { parentPort } from 'node:worker_threads';
import type { FromWatch, ToWatch } from './protocol.ts';
import { MachineSampling } from './sampling.ts';

let sampling: MachineSampling | undefined;

const say = (message: FromWatch) => parentPort?.postMessage(message);

parentPort?.on('message', async (message: ToWatch) => {
  if (message.type === 'threads') sampling?.watch(message.threads);
  else if (message.type === 'begin') {
    await sampling?.close().catch(() => undefined);
    const begun = new MachineSampling(message.request, (name) => say({ type: 'gone', name }));
    sampling = begun;
    await begun.connected();
    say({ type: 'begun' });
  } else {
    const ending = sampling;
    sampling = undefined;
    try {
      await ending?.close();
      say({ type: 'ended' });
    } catch (error) {
      say({ type: 'ended', error: error instanceof Error ? error.message : String(error) });
    }
  }
});
