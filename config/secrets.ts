/**
 * The passwords of an environment: generated once, kept in `<stateDir>/environments/<name>/secrets.json` (mode 0600),
 * each replaceable by a variable or by a file that a variable names (`KIT_REDIS_APP_PASSWORD`,
 * `KIT_REDIS_APP_PASSWORD_FILE`).
 *
 * Left out: writing them where a server reads them (ACL files carry hashes; `infra/`), and rotation.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readVariables, type Variables } from './env.ts';
import { EXIT, KitError } from './errors.ts';
import { Secret } from './secret.ts';
import { displayPath } from './yaml.ts';

/** Users on the Redis nodes. `health` needs no password. */
export const REDIS_USERS = ['admin', 'app', 'replication', 'sentinel', 'exporter'] as const;
/** Users on the sentinels; sentinels authenticate to each other as `peer`. */
export const SENTINEL_USERS = ['admin', 'app', 'peer'] as const;

export type RedisUser = (typeof REDIS_USERS)[number];
export type SentinelUser = (typeof SENTINEL_USERS)[number];

export interface EnvironmentSecrets {
  readonly redis: Readonly<Record<RedisUser, Secret>>;
  readonly sentinel: Readonly<Record<SentinelUser, Secret>>;
}

const SCHEMA = 'redis-cache-kit/secrets/1';
const password = z.string().regex(/^[^\s\p{C}]{12,512}$/u);
const storedSchema = z.strictObject({
  schema: z.literal(SCHEMA),
  redis: z.strictObject({
    admin: password,
    app: password,
    replication: password,
    sentinel: password,
    exporter: password,
  }),
  sentinel: z.strictObject({ admin: password, app: password, peer: password }),
});
type Stored = z.infer<typeof storedSchema>;

/**
 * @throws KitError `SECRETS_EXPOSED` others may read the file; `SECRETS_BROKEN`; `SECRETS_INVALID` a variable or its file
 *   does not hold a usable password; `STATE_UNREADABLE`, `STATE_UNWRITABLE`
 */
export function loadSecrets(
  environmentName: string,
  stateDir: string,
  variables: Variables = readVariables(),
): EnvironmentSecrets {
  const file = secretsFile(environmentName, stateDir);
  return withVariables(readStored(file) ?? createStored(file), variables);
}

/**
 * Reads the passwords and generates none.
 * @returns undefined if there is no file
 * @throws KitError as `loadSecrets`
 */
export function readSecrets(
  environmentName: string,
  stateDir: string,
  variables: Variables = readVariables(),
): EnvironmentSecrets | undefined {
  const stored = readStored(secretsFile(environmentName, stateDir));
  return stored && withVariables(stored, variables);
}

/** Placeholder for unknown passwords: no node accepts them. */
export function unknownSecrets(): EnvironmentSecrets {
  const draw = () => new Secret(randomBytes(16).toString('hex'));
  return Object.freeze({
    redis: checkRecord(REDIS_USERS, draw),
    sentinel: checkRecord(SENTINEL_USERS, draw),
  });
}

function withVariables(stored: Stored, variables: Variables): EnvironmentSecrets {
  const pick = (program: 'REDIS' | 'SENTINEL', user: string, kept: string) =>
    new Secret(givenSecret(`KIT_${program}_${user.toUpperCase()}_PASSWORD`, variables) ?? kept);
  return Object.freeze({
    redis: checkRecord(REDIS_USERS, (user) => pick('REDIS', user, stored.redis[user])),
    sentinel: checkRecord(SENTINEL_USERS, (user) => pick('SENTINEL', user, stored.sentinel[user])),
  });
}

/** Returns the path of an environment's secrets file. */
export function secretsFile(environmentName: string, stateDir: string): string {
  return join(stateDir, 'environments', environmentName, 'secrets.json');
}

function checkRecord<K extends string>(
  names: readonly K[],
  make: (name: K) => Secret,
): Readonly<Record<K, Secret>> {
  return Object.freeze(Object.fromEntries(names.map((name) => [name, make(name)])) as Record<K, Secret>);
}

function readStored(file: string): Stored | undefined {
  const where = displayPath(file);
  const found = orUnreadable(where, () => lstatSync(file, { throwIfNoEntry: false }));
  if (found === undefined) return undefined;
  if (!found.isFile() || (found.mode & 0o077) !== 0) {
    throw new KitError(`must not be readable by other users (mode ${(found.mode & 0o777).toString(8)})`, {
      code: 'SECRETS_EXPOSED',
      where,
      hint: `replace the passwords: stop the environment, remove the file and start again; or, if they were not exposed: chmod 600 ${where}`,
    });
  }
  const parsed = storedSchema.safeParse(parseJson(orUnreadable(where, () => readFileSync(file, 'utf8'))));
  if (parsed.success) return parsed.data;
  const paths = parsed.error.issues.map((issue) => issue.path.join('.') || 'whole file');
  throw new KitError(`must contain the secrets of this version (${[...new Set(paths)].join(', ')})`, {
    code: 'SECRETS_BROKEN',
    where,
    hint: 'stop the environment and remove the file: the next start generates new passwords',
  });
}

function orUnreadable<T>(where: string, look: () => T): T {
  try {
    return look();
  } catch (error) {
    throw new KitError(`cannot be read: ${(error as Error).message}`, {
      code: 'STATE_UNREADABLE',
      exitCode: EXIT.UNKNOWN,
      where,
      hint: 'make the state directory readable and writable, or set KIT_STATE_DIR',
      cause: error,
    });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which is secret.
    return undefined;
  }
}

/**
 * Writes the file under another name and links it into place: no reader sees a partial file, and only one of two
 * writers wins.
 */
function createStored(file: string): Stored {
  const make = () => randomBytes(32).toString('base64url');
  const stored: Stored = {
    schema: SCHEMA,
    redis: { admin: make(), app: make(), replication: make(), sentinel: make(), exporter: make() },
    sentinel: { admin: make(), app: make(), peer: make() },
  };
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    chmodSync(dirname(file), 0o700);
    writeFileSync(draft, `${JSON.stringify(stored, null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true });
    linkSync(draft, file);
    return stored;
  } catch (error) {
    const existing = (error as NodeJS.ErrnoException).code === 'EEXIST' ? readStored(file) : undefined;
    if (existing !== undefined) return existing;
    if (error instanceof KitError) throw error;
    throw new KitError(`cannot be written: ${(error as Error).message}`, {
      code: 'STATE_UNWRITABLE',
      exitCode: EXIT.UNKNOWN,
      where: displayPath(file),
      hint: 'free disk space, or make the directory writable',
      cause: error,
    });
  } finally {
    rmSync(draft, { force: true });
  }
}

function givenSecret(name: string, variables: Variables): string | undefined {
  const direct = variables.get(name);
  const byFile = variables.get(`${name}_FILE`);
  if (direct !== undefined && byFile !== undefined) {
    throw invalidSecrets(`${name} and ${name}_FILE are both set`, name, 'set only one');
  }
  const text =
    direct?.text ?? (byFile === undefined ? undefined : readSecretFile(byFile.text, `${name}_FILE`));
  if (text !== undefined && !password.safeParse(text).success) {
    throw invalidSecrets(
      `must be a valid password, got ${text.length} characters (hidden)`,
      direct === undefined ? `${name}_FILE` : name,
      'use 12 to 512 characters without white space or control characters',
    );
  }
  return text;
}

function readSecretFile(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw invalidSecrets(
      `'${path}' cannot be read: ${(error as Error).message}`,
      name,
      'set it to a file that contains the password',
    );
  }
}

function invalidSecrets(message: string, where: string, hint: string): KitError {
  return new KitError(message, { code: 'SECRETS_INVALID', where: `variable ${where}`, hint });
}
