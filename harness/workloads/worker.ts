/** Entry of a generator's thread. Its setup, including secrets, is passed as workerData, never on a command line. */
import '../../config/es2024.ts';
import { parentPort, workerData } from 'node:worker_threads';
import { generatedWorkload } from './catalogue.ts';
import { serveGenerator } from './generator.ts';
import type { GeneratorSetup } from './protocol.ts';

if (parentPort !== null) {
  const setup = workerData as GeneratorSetup;
  await serveGenerator(parentPort, setup, generatedWorkload(setup.workload));
  parentPort.close();
}
