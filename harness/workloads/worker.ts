/**
 * Entry point of a generator's thread. Its setup, including secrets, is passed as workerData, never on a command line.
 */
import '../../config/es2024.ts';
import { parentPort, workerData } from 'node:worker_threads';
import { generatedWorkload } from './catalogue.ts';
import { serveGenerator } from './generator.ts';
import { loadPart } from './module-part.ts';
import type { GeneratorSetup } from './protocol.ts';

if (parentPort !== null) {
  const setup = workerData as GeneratorSetup;
  const { workload: name, extension } = setup;
  const workload =
    extension === undefined ? generatedWorkload(name) : await loadPart(extension, 'workloads', name);
  await serveGenerator(parentPort, setup, workload);
  parentPort.close();
}
