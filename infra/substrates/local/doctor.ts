/** Facts about this substrate for `kit doctor`. Installs and starts nothing. */
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { KitError } from '../../../config/errors.ts';
import { freeBytes, REQUIRED_FREE_BYTES, unwritableBecause } from '../../host/disk.ts';
import type { SubstrateFacts } from '../doctor.ts';
import { probeAddressing } from './addresses.ts';
import { findRedisBinary } from './binary.ts';
import { listLedgers } from './ledger.ts';
import type { LocalSubstrateOptions } from './options.ts';
import { isLeftOver } from './teardown.ts';

export async function localFacts(options: LocalSubstrateOptions = {}): Promise<SubstrateFacts> {
  const stateDir = resolve(options.stateDir ?? '.kit');
  const redis = await findRedisBinary({
    named: options.redisServer,
    stateDir,
    install: false,
    sink: options.sink,
  }).catch((error: unknown) => {
    if (error instanceof KitError) return error;
    throw error;
  });
  return {
    stateDir,
    freeBytes: freeBytes(stateDir),
    requiredFreeBytes: REQUIRED_FREE_BYTES,
    addressing: await probeAddressing(),
    redis,
    environments: await environmentsIn(stateDir),
    stateDirProblem: unwritableBecause(stateDir),
    temporaryDirProblem: unwritableBecause(tmpdir()),
  };
}

async function environmentsIn(stateDir: string): Promise<SubstrateFacts['environments']> {
  try {
    const environments = listLedgers(stateDir).map(async (ledger) => ({
      name: ledger.environment,
      leftOver: await isLeftOver(ledger),
    }));
    return await Promise.all(environments);
  } catch (error) {
    // The state belongs to another user.
    if (error instanceof KitError) return error;
    throw error;
  }
}
