/**
 * Passwords of an environment: generated once and stored in `<stateDir>/environments/<name>/secrets.json`
 * (`stored-secrets.ts`). A variable, or a file that a variable names, can replace each password
 * (`KIT_REDIS_APP_PASSWORD`, `KIT_REDIS_APP_PASSWORD_FILE`). `password-rotation.ts` changes them.
 *
 * Left out: writing the passwords to the files that servers read (ACL files contain hashes; `infra/`).
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { sha256Hex } from './digest.ts';
import { readVariables, type Variables } from './env.ts';
import { KitError } from './errors.ts';
import { Secret } from './secret.ts';
import {
  createStored,
  isPassword,
  REDIS_USERS,
  type RedisUser,
  readStored,
  SENTINEL_USERS,
  type SentinelUser,
  type Stored,
  secretsFile,
} from './stored-secrets.ts';

export {
  REDIS_USERS,
  type RedisUser,
  SENTINEL_USERS,
  type SentinelUser,
  secretsFile,
} from './stored-secrets.ts';

/** One password per user. */
export interface PasswordSet {
  readonly redis: Readonly<Record<RedisUser, Secret>>;
  readonly sentinel: Readonly<Record<SentinelUser, Secret>>;
}

/** Current passwords. */
export interface EnvironmentSecrets extends PasswordSet {
  /**
   * During a rotation: the passwords that the nodes also accept. For users that are not rotated, these are their
   * current passwords.
   */
  readonly other?: PasswordSet;
  /**
   * Placeholders that replace the passwords in file digests. A rotation does not change them, but any other change to a
   * password does. Default: the passwords.
   */
  readonly placeholders?: PasswordSet;
}

/**
 * Loads the passwords, and generates them if there is no file.
 *
 * @throws KitError `SECRETS_EXPOSED` if others may read the file; `SECRETS_BROKEN`; `SECRETS_INVALID` if a variable or
 * its file does not contain a usable password; `STATE_UNREADABLE`, `STATE_UNWRITABLE`
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
 * Reads the passwords without generating any.
 *
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

/** Returns random placeholders for unknown passwords. No node accepts a placeholder. */
export function unknownSecrets(): EnvironmentSecrets {
  const draw = () => new Secret(randomBytes(16).toString('hex'));
  return Object.freeze({
    redis: recordOf(REDIS_USERS, draw),
    sentinel: recordOf(SENTINEL_USERS, draw),
  });
}

/** Server program in which the user is defined. */
export type Program = 'redis' | 'sentinel';
type Texts = Readonly<Record<Program, Readonly<Record<string, string | undefined>>>>;

function withVariables(stored: Stored, variables: Variables): EnvironmentSecrets {
  const { redis, sentinel, rotation, placeholders } = stored;
  const given = (program: Program, user: string) => givenSecret(variableOf(program, user), variables);
  const passwordOf = (texts: Texts, program: Program, user: string) =>
    given(program, user) ?? texts[program][user];
  const current = (program: Program, user: string) => passwordOf({ redis, sentinel }, program, user) ?? '';
  return Object.freeze({
    ...passwordSet(current),
    ...(rotation && {
      other: passwordSet((program, user) => passwordOf(rotation, program, user) ?? current(program, user)),
    }),
    placeholders: passwordSet((program, user) => {
      const kept: Readonly<Record<string, { of: string; text: string } | undefined>> =
        placeholders?.[program] ?? {};
      const password = current(program, user);
      return kept[user]?.of === sha256Hex(password) ? kept[user].text : placeholderOf(password);
    }),
  });
}

function passwordSet(textOf: (program: Program, user: string) => string): PasswordSet {
  return {
    redis: recordOf(REDIS_USERS, (user) => new Secret(textOf('redis', user))),
    sentinel: recordOf(SENTINEL_USERS, (user) => new Secret(textOf('sentinel', user))),
  };
}

/** Returns the name of the variable that replaces a password. */
export function variableOf(program: Program, user: string): string {
  return `KIT_${program.toUpperCase()}_${user.toUpperCase()}_PASSWORD`;
}

/** Whether a variable, or a file that a variable names, replaces the password of this user. */
export function isGiven(program: Program, user: string, variables: Variables): boolean {
  return ['', '_FILE'].some((suffix) => variables.get(`${variableOf(program, user)}${suffix}`) !== undefined);
}

/** Returns the text that represents a password in the digest of a file. It does not reveal the password. */
export function placeholderOf(password: string): string {
  return sha256Hex(`redis-cache-kit/placeholder/${password}`);
}

function recordOf<K extends string>(
  names: readonly K[],
  make: (name: K) => Secret,
): Readonly<Record<K, Secret>> {
  return Object.freeze(Object.fromEntries(names.map((name) => [name, make(name)])) as Record<K, Secret>);
}

function givenSecret(name: string, variables: Variables): string | undefined {
  const direct = variables.get(name);
  const byFile = variables.get(`${name}_FILE`);
  if (direct !== undefined && byFile !== undefined) {
    throw invalidSecrets(`${name} and ${name}_FILE are both set`, name, 'set only one');
  }
  const text =
    direct?.text ?? (byFile === undefined ? undefined : readSecretFile(byFile.text, `${name}_FILE`));
  if (text !== undefined && !isPassword(text)) {
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
