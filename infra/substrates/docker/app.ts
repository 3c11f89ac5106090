/**
 * The CDKTF app: `cdktf` runs it to synthesise environments, each as one stack. It synthesises the environments in
 * KIT_STACKS; otherwise those on the command line of `cdktf` and those that already have passwords; otherwise all.
 * Refuses an environment that another checkout owns.
 */
import '../../../config/es2024.ts';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'cdktf';
import { KitError } from '../../../config/errors.ts';
import { environmentNames, loadEnvironment } from '../../../config/load.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { planTopology } from '../../topology.ts';
import {
  type CdktfCall,
  cdktfCall,
  isActing,
  isDeploying,
  isListing,
  namesIn,
  requireNamed,
} from './cdktf-call.ts';
import { outageOfDeploy } from './changed-nodes.ts';
import { type Engine, enginesOf } from './engines.ts';
import { hasSecrets } from './generated-values.ts';
import { copyImages } from './host-engines.ts';
import { type EnginePart, foreignError, type Ownership, partsOf, readOwnership } from './ownership.ts';
import { planDocker } from './plan.ts';
import { lockEntry, registryOf } from './plugin.ts';
import { requireFreePortsAndSubnets } from './preflight.ts';
import { provideNodeImage } from './server-images.ts';
import { requireReadableData } from './server-versions.ts';
import { dockerSettings } from './settings.ts';
import { idsIn, readState } from './state.ts';
import { addEnvironment } from './synthesis.ts';
import { terraformProgram } from './terraform-cli.ts';

const settings = dockerSettings();
const { stateDir } = settings;

async function synthesise(): Promise<void> {
  const [verb, ...words] = process.argv.slice(2);
  const call = verb === undefined ? await cdktfCall() : { verb, words };
  const environments = environmentsOf(call).map((name) => loadEnvironment(name));
  const names = environments.map(({ name }) => name);
  const actedOn = isActing(call) ? (namesIn(call, names) ?? names) : [];
  const parts = await partsOn();
  const app = new App();
  for (const environment of environments) {
    const isActedOn = actedOn.includes(environment.name);
    const own = environment.hosts === undefined ? parts : await partsOn(enginesOf(environment));
    const ownership = await readOwnershipOf(environment, own);
    const isForeign = ownership.foreign.length > 0;
    const refusal = isForeign ? foreignError(environment, ownership, { stateDir }) : undefined;
    if (refusal !== undefined && isActedOn) throw refusal;
    if (own !== undefined && isActedOn && isDeploying(call)) await checkDeploy(environment, ownership);
    await addEnvironment(app, environment, settings, {
      refusal: refusal && `${refusal.message}. ${refusal.hint}`,
      isListed: isListing(call),
    });
  }
  app.synth();
  await lockProvider(names.map((name) => join(app.outdir, 'stacks', name)));
}

/**
 * Checks before Terraform starts that the ports are free, that the image contains the server of the environment, that
 * this server can read the existing data, and that the deploy does not interrupt a protected environment.
 *
 * @throws KitError `ROLLING_REQUIRED`, `PORT_IN_USE`, `VERSION_DOWNGRADE`, …
 */
async function checkDeploy(environment: EnvironmentConfig, ownership: Ownership): Promise<void> {
  const plan = planDocker(planTopology(environment));
  await requireFreePortsAndSubnets(plan, ownership);
  await provideNodeImage(stateDir, environment);
  await copyImages(stateDir, plan);
  await requireReadableData(plan, stateDir);
  if (settings.allowOutage === environment.name) return;
  const outage = await outageOfDeploy(plan, stateDir);
  if (outage === undefined) return;
  if (environment.docker.protected) throw outage;
  process.stderr.write(`kit: ${outage.message}\n  fix    ${outage.hint}\n`);
}

/**
 * Writes lock files: without one, `cdktf` queries the registry for hashes, even if the plugin is in a local directory.
 */
async function lockProvider(dirs: readonly string[]): Promise<void> {
  const files = dirs.map((dir) => join(dir, '.terraform.lock.hcl')).filter((file) => !existsSync(file));
  if (files.length === 0) return;
  const registry = await registryOf(await terraformProgram());
  if (registry === undefined) return;
  for (const file of files) writeFileSync(file, lockEntry(registry));
}

/** Returns the environments to synthesise, as names or YAML files. */
function environmentsOf(call: CdktfCall | undefined): readonly string[] {
  if (settings.stacks !== undefined) return settings.stacks;
  const names = environmentNames();
  requireNamed(call, names);
  const asked = namesIn(call, names);
  return names.filter((name) => asked === undefined || asked.includes(name) || hasSecrets(stateDir, name));
}

/** Returns the parts on the engines; undefined if there is no engine, which the deploy will report. */
async function partsOn(
  engines?: readonly (Engine | undefined)[],
): Promise<readonly EnginePart[] | undefined> {
  return await partsOf(undefined, engines).catch((error: unknown) => {
    if (error instanceof KitError && error.code.startsWith('DOCKER_')) return undefined;
    throw error;
  });
}

async function readOwnershipOf(
  environment: EnvironmentConfig,
  parts: readonly EnginePart[] = [],
): Promise<Ownership> {
  const ids = async () => idsIn(await readState(environment, { stateDir }));
  return await readOwnership(environment, stateDir, ids, parts);
}

await synthesise().catch((error: unknown) => {
  if (!(error instanceof KitError)) throw error;
  process.stderr.write(`kit: ${error.message}\n`);
  if (error.where !== undefined) process.stderr.write(`  where  ${error.where}\n`);
  if (error.hint !== undefined) process.stderr.write(`  fix    ${error.hint}\n`);
  process.exitCode = error.exitCode;
});
