/** What a deploy on Docker needs of this machine, each with the one command that mends it. Changes nothing. */
import { join } from 'node:path';
import { KitError } from '../../config/errors.ts';
import { certificateChecks } from '../certificate-expiry.ts';
import type { DoctorCheck } from '../doctor.ts';
import { findProgram } from '../process.ts';
import { engineVersion, imageExists, labelled } from './engine.ts';
import { chooseImages, type ImageChoice, type ImageSet, ORIGINS } from './images.ts';
import { LABEL } from './plan.ts';
import { localPlugin, terraformProgram } from './program.ts';
import { PROVIDER_VERSION } from './provider.ts';

export async function dockerChecks(stateDir: string): Promise<readonly DoctorCheck[]> {
  const engine = await engineCheck();
  const answers = engine.state === 'ok';
  return [
    engine,
    await terraformCheck(),
    pluginCheck(),
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
    return ok('terraform', `${program} at ${await findProgram(program)}`);
  } catch (error) {
    if (!(error instanceof KitError)) throw error;
    return fail('terraform', error.message, error.hint ?? '');
  }
}

function pluginCheck(): DoctorCheck {
  const path = localPlugin();
  if (path !== undefined) return ok('docker-provider', `${PROVIDER_VERSION} at ${path}`);
  return {
    id: 'docker-provider',
    state: 'warn',
    found: `${PROVIDER_VERSION} is in no local plugin directory: Terraform asks its registry at the first deploy`,
    remedy:
      'where no registry answers: kit bundle save FILE on a connected machine, kit bundle load FILE here',
  };
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

async function imagesHere({ redis, exporter, commander }: ImageSet): Promise<readonly DoctorCheck[]> {
  return Promise.all(
    Object.entries({ redis, exporter, commander }).map(async ([role, choice]): Promise<DoctorCheck> => {
      const id = `image-${role}`;
      const name = nameOf(choice);
      if (await imageExists(name)) return ok(id, name);
      if (choice.kind === 'local') return fail(id, `${name} is not on this engine`, 'kit images build');
      return {
        id,
        state: 'warn',
        found: `${name} is not here yet: the first deploy gets it from the registry`,
        remedy: 'where no registry answers: kit images build',
      };
    }),
  );
}

const nameOf = (choice: ImageChoice): string => (choice.kind === 'published' ? choice.reference : choice.tag);

async function containersCheck(): Promise<DoctorCheck> {
  const names = await labelled('container', LABEL.environment);
  return ok('containers', names.length === 0 ? 'none of the kit' : `of the kit: ${names.join(', ')}`);
}

const ok = (id: string, found: string): DoctorCheck => ({ id, state: 'ok', found, remedy: '' });
const fail = (id: string, found: string, remedy: string): DoctorCheck => ({
  id,
  state: 'fail',
  found,
  remedy,
});
