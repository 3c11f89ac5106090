/**
 * The CDKTF app: `cdktf` runs it to synthesise environments, one stack each. These are the ones in KIT_STACKS; else the ones in the
 * command line of `cdktf` and those that have passwords already; else all. Refuses an environment of another checkout.
 */
import { App } from 'cdktf';
import { KitError } from '../../config/errors.ts';
import { environmentNames, loadEnvironment } from '../../config/load.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { type CdktfCall, cdktfCall, isActing, namesIn } from './cdktf-call.ts';
import { haveSecrets } from './files.ts';
import { type EnginePart, foreignEnvironment, foreignError, partsOf, possessionOf } from './possession.ts';
import { dockerSettings } from './settings.ts';
import { idsIn, readState } from './state.ts';
import { addEnvironment } from './synthesis.ts';

const settings = dockerSettings();
const { stateDir } = settings;

async function synthesise(): Promise<void> {
  const call = await cdktfCall();
  const environments = environmentsOf(call).map((name) => loadEnvironment(name));
  const names = environments.map(({ name }) => name);
  const actedOn = isActing(call) ? (namesIn(call, names) ?? names) : [];
  const parts = await partsOnEngine();
  const app = new App();
  for (const environment of environments) {
    const refusal = await refusalOf(environment, parts);
    if (refusal !== undefined && actedOn.includes(environment.name)) throw refusal;
    await addEnvironment(app, environment, settings, refusal && `${refusal.message}. ${refusal.hint}`);
  }
  app.synth();
}

/** Names or YAML files. */
function environmentsOf(call: CdktfCall | undefined): readonly string[] {
  if (settings.stacks !== undefined) return settings.stacks;
  const names = environmentNames();
  const asked = namesIn(call, names);
  return names.filter((name) => asked === undefined || asked.includes(name) || haveSecrets(stateDir, name));
}

/** Empty without an engine; the deploy reports that. */
async function partsOnEngine(): Promise<readonly EnginePart[]> {
  return await partsOf().catch((error: unknown) => {
    if (error instanceof KitError && error.code.startsWith('DOCKER_')) return [];
    throw error;
  });
}

async function refusalOf(
  environment: EnvironmentConfig,
  parts: readonly EnginePart[],
): Promise<KitError | undefined> {
  const ids = async () => idsIn(await readState(environment, { stateDir }));
  const possession = await possessionOf(environment, stateDir, ids, parts);
  if (possession.foreign.length === 0) return undefined;
  return foreignError(foreignEnvironment(environment.name, possession), stateDir);
}

await synthesise().catch((error: unknown) => {
  if (!(error instanceof KitError)) throw error;
  process.stderr.write(`kit: ${error.message}\n`);
  if (error.where !== undefined) process.stderr.write(`  where  ${error.where}\n`);
  if (error.hint !== undefined) process.stderr.write(`  do     ${error.hint}\n`);
  process.exitCode = error.exitCode;
});
