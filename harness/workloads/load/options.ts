/** Options for the load threads, which the workloads share as parameters. */
import type { Resolved } from '../parameters.ts';
import type { ScriptContext } from '../scripted/script.ts';
import { LoadDriver } from './driver.ts';
import { keyOfRank } from './keys.ts';

export const loadDefaults = {
  /** Number of threads; 0 for one per core. */
  threads: 0,
  cachesPerThread: 1,
  catalogue: 10_000,
  /** Exponent of the Zipf distribution, as in YCSB. */
  zipfExponent: 0.99,
  maxValueBytes: 16_384,
  batch: 100,
  inFlightPerThread: 2_000,
};

/** Starts the load threads of a script and writes the catalogue. The trial removes the keys. */
export async function openLoad(context: ScriptContext<Resolved<typeof loadDefaults>>): Promise<LoadDriver> {
  const { parameters, random } = context;
  const driver = await LoadDriver.open(context, {
    ...{ threads: parameters.threads, caches: parameters.cachesPerThread, seed: random.int(1_000_000) },
    ...{ catalogue: parameters.catalogue, zipfExponent: parameters.zipfExponent },
    ...{ maxValueBytes: parameters.maxValueBytes, batch: parameters.batch },
    inFlightBound: parameters.inFlightPerThread,
  });
  rememberCatalogue(context);
  await driver.prepare();
  return driver;
}

function rememberCatalogue({
  parameters,
  tag,
  spec,
  remember,
}: ScriptContext<Resolved<typeof loadDefaults>>): void {
  for (let rank = 0; rank < parameters.catalogue; rank++)
    remember(`${spec.settings.namespace}:${keyOfRank(tag, rank)}`);
}
