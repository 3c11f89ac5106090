/** Checks the requirements for a deploy on Docker; each check names the command that fixes it. Changes nothing. */
import { join } from 'node:path';
import { KitError } from '../../../config/errors.ts';
import { certificateChecks } from '../../certificates/expiry.ts';
import { findProgram } from '../../host/process.ts';
import type { DoctorCheck } from '../doctor.ts';
import { engineVersion, imageExists, listLabelled, tryDocker } from './engine.ts';
import { chooseImages, type ImageChoice, type ImageSet, imageName, ORIGINS } from './images.ts';
import { LABEL } from './plan.ts';
import { findPlugin } from './plugin.ts';
import { PROVIDER_VERSION } from './provider.ts';
import { BASE_ROLES, MONITORING_ROLES } from './published-images.ts';
import { terraformProgram } from './terraform-cli.ts';

const REGISTRY_TIMEOUT_MS = 15_000;

export async function dockerChecks(stateDir: string): Promise<readonly DoctorCheck[]> {
  const engine = await engineCheck();
  const answers = engine.state === 'ok';
  const terraform = await terraformCheck();
  return [
    engine,
    terraform,
    ...(terraform.state === 'ok' ? [await pluginCheck()] : []),
    ...(answers ? await imageChecks(stateDir) : []),
    ...(answers ? [await containersCheck()] : []),
    ...certificateChecks(join(stateDir, 'docker')),
  ];
}

async function engineCheck(): Promise<DoctorCheck> {
  try {
    return ok('docker-engine', `Docker ${await engineVersion()}`);
  } catch (error) {
    if (!(error instanceof KitError)) throw error;
    const where = error.where === undefined ? '' : ` (${error.where})`;
    return fail('docker-engine', `${error.message}${where}`, error.hint ?? '');
  }
}

async function terraformCheck(): Promise<DoctorCheck> {
  try {
    const program = await terraformProgram();
    const path = await findProgram(program);
    if (path !== undefined) return ok('terraform', `${program} at ${path}`);
    const hint = 'install Terraform or OpenTofu, or set TERRAFORM_BINARY_NAME to terraform or tofu';
    return fail('terraform', `'${program}' (TERRAFORM_BINARY_NAME) not found in PATH`, hint);
  } catch (error) {
    if (!(error instanceof KitError)) throw error;
    return fail('terraform', error.message, error.hint ?? '');
  }
}

/**
 * Queries the registry if no local directory contains the plugin, so that a deploy does not fail on a missing plugin.
 */
async function pluginCheck(): Promise<DoctorCheck> {
  const id = 'docker-provider';
  const { program, registry = 'no registry', from, path } = await findPlugin();
  if (from === 'local') return ok(id, `${PROVIDER_VERSION} at ${path}`);
  if (from === 'registry') return ok(id, `${PROVIDER_VERSION} available from ${registry}`);
  const found = `${PROVIDER_VERSION} not found in a local plugin directory of ${program} or at ${registry}`;
  return fail(id, found, 'run kit bundle save FILE on a connected machine, and kit bundle load FILE here');
}

async function imageChecks(stateDir: string): Promise<readonly DoctorCheck[]> {
  try {
    const images = chooseImages(stateDir);
    return [originCheck(images), ...(await imagesHere(images))];
  } catch (error) {
    if (!(error instanceof KitError)) throw error;
    return [fail('images', `${error.message} (${error.where ?? ''})`, error.hint ?? '')];
  }
}

function originCheck({ origin }: ImageSet): DoctorCheck {
  if (origin !== 'tagged') return ok('images', ORIGINS[origin]);
  return { id: 'images', state: 'warn', found: ORIGINS[origin], remedy: 'kit images lock' };
}

async function imagesHere(images: ImageSet): Promise<readonly DoctorCheck[]> {
  const checks = BASE_ROLES.map((role) => imageCheck(`image-${role}`, images[role]));
  const optional = MONITORING_ROLES.map((role) => imageCheck(`image-${role}`, images[role]).then(asOptional));
  return Promise.all([...checks, ...optional]);
}

/** Reports a missing image as a warning if only environments with `observability.prometheus` use it. */
function asOptional(check: DoctorCheck): DoctorCheck {
  if (check.state !== 'fail') return check;
  return { ...check, state: 'warn', found: `${check.found}; needed only for observability.prometheus` };
}

async function imageCheck(id: string, choice: ImageChoice): Promise<DoctorCheck> {
  const name = imageName(choice);
  if (await imageExists(name)) return ok(id, name);
  if (choice.kind === 'local') return fail(id, `${name} not found on this engine`, 'kit images build');
  const source = choice.kind === 'published' ? choice.reference : choice.base;
  const how = choice.kind === 'published' ? '' : `, built from ${source}`;
  if (choice.kind === 'dockerfile' && (await imageExists(source)))
    return ok(id, `${name}${how}, built at the first deploy`);
  const answer = await askRegistry(source);
  if (answer === undefined) return ok(id, `${name}${how}: pulled at the first deploy`);
  return fail(id, `${name}${how}: not found on this engine or in a registry: ${answer}`, 'kit images build');
}

/**
 * Returns the reason why an image is unavailable; undefined if it is available. Uses the registry login of the engine's
 * command-line client.
 */
async function askRegistry(reference: string): Promise<string | undefined> {
  const ask = (flags: readonly string[]) =>
    tryDocker(['manifest', 'inspect', ...flags, reference], { timeoutMs: REGISTRY_TIMEOUT_MS });
  try {
    const record = await ask([]);
    if (record.exitCode === 0) return undefined;
    // The engine may be configured to use plain HTTP for this registry, as it is by default for a loopback address.
    const plain = /http response to https|certificate/i.test(record.stderr)
      ? await ask(['--insecure'])
      : record;
    return plain.exitCode === 0 ? undefined : (plain.stderr.trim().split('\n').at(-1) ?? '');
  } catch (error) {
    if (!(error instanceof KitError)) throw error;
    return error.message;
  }
}

async function containersCheck(): Promise<DoctorCheck> {
  const names = await listLabelled('container', LABEL.environment);
  return ok('containers', names.length === 0 ? 'no container of the kit' : `of the kit: ${names.join(', ')}`);
}

const ok = (id: string, found: string): DoctorCheck => ({ id, state: 'ok', found, remedy: '' });
const fail = (id: string, found: string, remedy: string): DoctorCheck => ({
  id,
  state: 'fail',
  found,
  remedy,
});
