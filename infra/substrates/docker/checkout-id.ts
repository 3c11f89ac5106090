/**
 * Owner id of this checkout, and the checkout's location, which is shown in messages in other checkouts. Both are
 * labels of every container, network and volume.
 *
 *   KIT_OWNER         the variable's value, for CI, where each job has a new workspace
 *   docker.backend    a hash of the location of the state: checkouts that share a state are one owner
 *   otherwise         random, stored in `<state>/docker/owner.json`, and lost with the state. A moved directory keeps
 *                     its id, a copy of it gets a new one
 *
 * Left out: the owner of each part on the engine (`ownership.ts`), and the process that uses an environment
 * (`owner-process.ts`).
 */
import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { sha256Hex } from '../../../config/digest.ts';
import { readVariables } from '../../../config/env.ts';
import { EXIT, KitError } from '../../../config/errors.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { displayPath } from '../../../config/yaml.ts';
import { requireFreeSpace } from '../../host/disk.ts';
import { writePrivate } from '../../host/private-files.ts';

export interface Owner {
  readonly id: string;
  /**
   * Location of the owner: host and path, or the backend; never a secret. It does not change when the checkout is
   * moved, because a changed label would replace the container.
   */
  readonly place: string;
}

/** Owner in synthesised text that is not deployed. */
export const NO_OWNER: Owner = { id: '', place: '' };

type Deployed = { readonly docker: Pick<EnvironmentConfig['docker'], 'backend'> };

/**
 * Returns the identity for a deploy; creates it if there is none.
 *
 * @throws KitError `OWNER_INVALID`, `STATE_UNREADABLE`
 */
export function ownerOf({ docker }: Deployed, stateDir: string): Owner {
  return namedOwner() ?? backendOwner(docker.backend) ?? storedOwner(stateDir) ?? createOwner(stateDir);
}

/** Like `ownerOf`, but returns undefined if nothing was ever deployed from this checkout. Writes nothing. */
export function findOwner({ docker }: Deployed, stateDir: string): Owner | undefined {
  return namedOwner() ?? backendOwner(docker.backend) ?? storedOwner(stateDir);
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

function namedOwner(): Owner | undefined {
  const name = readVariables().get('KIT_OWNER')?.text;
  if (name === undefined) return undefined;
  if (NAME.test(name)) return { id: name, place: `KIT_OWNER=${name}` };
  throw new KitError(`must be a valid owner id, got '${name}'`, {
    code: 'OWNER_INVALID',
    where: 'variable KIT_OWNER',
    hint: 'use 1 to 63 letters, digits, dots, dashes and underscores, starting with a letter or digit',
  });
}

/** Variables that set the location of a backend's state. Credentials are not included. */
const ADDRESS_VARIABLES: Readonly<Record<string, readonly string[]>> = {
  http: ['TF_HTTP_ADDRESS'],
  pg: ['PG_CONN_STR', 'PGHOST', 'PGPORT', 'PGDATABASE'],
  consul: ['CONSUL_HTTP_ADDR'],
};

/**
 * Settings that do not define the location of the state, such as credentials: a rotated password does not change the
 * owner.
 */
const NOT_THE_PLACE =
  /user|pass|secret|token|credential|access_key|profile|sas|cert|(^|_)key_(id|path)|^(un)?lock|retry|skip_|timeout|encrypt|max_/i;

function backendOwner(backend: EnvironmentConfig['docker']['backend']): Owner | undefined {
  if (backend === undefined) return undefined;
  const { type, settings } = backend;
  const variables = readVariables();
  const given = (ADDRESS_VARIABLES[type] ?? []).flatMap((name) => {
    const text = variables.get(name)?.text;
    return text === undefined ? [] : [[name, text] as const];
  });
  const place = [...Object.entries(settings), ...given]
    .filter(([name]) => !NOT_THE_PLACE.test(name))
    .map(([name, text]) => [name, withoutCredentials(text)] as const)
    .sort(([a], [b]) => a.localeCompare(b));
  // A local file on another machine may have the same path, but it contains a different state.
  const facts = JSON.stringify([type, place, type === 'local' ? hostname() : '']);
  const text = place.map(([name, value]) => `${name}=${value}`).join(' ');
  return {
    id: `backend-${sha256Hex(facts).slice(0, 16)}`,
    place: `Terraform backend ${type}${text === '' ? '' : ` (${text})`}`,
  };
}

const withoutCredentials = (text: string): string =>
  text.replace(/\/\/[^@/]*@/, '//').replace(/\b(user|password|passfile)=\S+\s*/g, '');

/** Returns the location of an owner whose state is in this directory. */
export const checkoutLocation = (stateDir: string): string => `${hostname()}:${realpathSync(stateDir)}`;

interface Kept extends Owner {
  /** Location at which the file was last found, which distinguishes a moved directory from a copy. */
  readonly host: string;
  readonly stateDir: string;
}

const ownerFile = (stateDir: string): string => join(stateDir, 'docker', 'owner.json');

function storedOwner(stateDir: string): Owner | undefined {
  const kept = readId(ownerFile(stateDir));
  if (kept === undefined) return undefined;
  const here = realpathSync(stateDir);
  if (kept.stateDir === here && kept.host === hostname()) return kept;
  if (kept.host === hostname() && isAnother(kept, here)) return undefined;
  return kept;
}

/**
 * Whether the directory recorded in the file still exists and contains the same file, and is not this directory under
 * another path.
 */
function isAnother(kept: Kept, here: string): boolean {
  if (kept.stateDir === here || readId(ownerFile(kept.stateDir))?.id !== kept.id) return false;
  const [one, other] = [statSync(kept.stateDir), statSync(here)];
  return one.ino !== other.ino || one.dev !== other.dev;
}

function readId(file: string): Kept | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const kept: Partial<Kept> = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof kept.id === 'string' && typeof kept.place === 'string') return kept as Kept;
  } catch {
    // Reported below: without the file, the checkout would not recognise its own parts on the engine.
  }
  throw new KitError('must contain the owner id of this directory', {
    code: 'STATE_UNREADABLE',
    exitCode: EXIT.UNKNOWN,
    where: displayPath(file),
    hint: 'restore the file, or remove it and take over the running environments: kit up --env NAME --substrate docker --adopt',
  });
}

/**
 * Writes the file under another name and links it into place, so that only one of two concurrent writers succeeds.
 * Replaces an id that was copied with its directory. Checks the free space first, because this is the first file that a
 * deploy writes.
 *
 * @throws KitError `DISK_FULL`, `STATE_UNWRITABLE`
 */
function createOwner(stateDir: string): Owner {
  requireFreeSpace(resolve(stateDir));
  const file = ownerFile(resolve(stateDir));
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const here = realpathSync(stateDir);
  const made: Kept = {
    id: randomBytes(8).toString('hex'),
    place: checkoutLocation(stateDir),
    host: hostname(),
    stateDir: here,
  };
  const text = `${JSON.stringify(made, null, 2)}\n`;
  if (existsSync(file)) {
    writePrivate(file, text);
    return made;
  }
  const draft = `${file}.${process.pid}.${made.id}`;
  try {
    writePrivate(draft, text);
    linkSync(draft, file);
    return made;
  } catch (error) {
    const other = (error as NodeJS.ErrnoException).code === 'EEXIST' ? readId(file) : undefined;
    if (other === undefined) throw error;
    return other;
  } finally {
    rmSync(draft, { force: true });
  }
}
