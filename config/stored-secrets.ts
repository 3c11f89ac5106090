/**
 * Password file of one environment, `<stateDir>/environments/<name>/secrets.json` (mode 0600): created once, replaced
 * as a whole, never edited. `secrets.ts` adds the variables, `password-rotation.ts` the steps of a rotation.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { EXIT, KitError } from './errors.ts';
import { displayPath } from './yaml.ts';

/** Users on the Redis nodes, except `health`, which needs no password. */
export const REDIS_USERS = ['admin', 'app', 'replication', 'sentinel', 'exporter'] as const;
/** Users on the sentinels; sentinels authenticate to each other as `peer`. */
export const SENTINEL_USERS = ['admin', 'app', 'peer'] as const;

export type RedisUser = (typeof REDIS_USERS)[number];
export type SentinelUser = (typeof SENTINEL_USERS)[number];

const SCHEMA = 'redis-cache-kit/secrets/1';
const password = z.string().regex(/^[^\s\p{C}]{12,512}$/u);
const redisPasswords = z.strictObject({
  admin: password,
  app: password,
  replication: password,
  sentinel: password,
  exporter: password,
});
const sentinelPasswords = z.strictObject({ admin: password, app: password, peer: password });

/**
 * Phases of a rotation. `adding`: not all nodes accept the new passwords yet; `both`: all nodes accept two passwords.
 */
const ROTATION_PHASES = ['adding', 'both'] as const;

const rotationSchema = z.strictObject({
  phase: z.enum(ROTATION_PHASES),
  startedAt: z.iso.datetime(),
  /** The new passwords in the `adding` phase, the previous passwords in the `both` phase. */
  redis: redisPasswords.partial(),
  sentinel: sentinelPasswords.partial(),
});

/**
 * Placeholder for a password when the digest of a file is computed; it applies as long as the password has this SHA-256
 * hash.
 */
const placeholder = z.strictObject({ of: z.string(), text: z.string() });

const storedSchema = z.strictObject({
  schema: z.literal(SCHEMA),
  redis: redisPasswords,
  sentinel: sentinelPasswords,
  rotation: rotationSchema.optional(),
  placeholders: z
    .strictObject({
      redis: z.partialRecord(z.enum(REDIS_USERS), placeholder),
      sentinel: z.partialRecord(z.enum(SENTINEL_USERS), placeholder),
    })
    .optional(),
});
export type Stored = z.infer<typeof storedSchema>;

/** Returns the path of an environment's secrets file. */
export function secretsFile(environmentName: string, stateDir: string): string {
  return join(stateDir, 'environments', environmentName, 'secrets.json');
}

/** Whether Redis and the kit can use this password: 12 to 512 characters without white space. */
export function isPassword(text: string): boolean {
  return password.safeParse(text).success;
}

/** Generates a 256-bit password. */
export function drawPassword(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * Reads the file.
 *
 * @returns undefined if there is no file
 * @throws KitError `SECRETS_EXPOSED`, `SECRETS_BROKEN`, `STATE_UNREADABLE`
 */
export function readStored(file: string): Stored | undefined {
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
    // The parser's error message quotes the text, which is secret.
    return undefined;
  }
}

/**
 * Writes the file under another name and links it to its final name, so that no reader sees a partial file, and only
 * one of two writers succeeds.
 */
export function createStored(file: string): Stored {
  const make = drawPassword;
  const stored: Stored = {
    schema: SCHEMA,
    redis: { admin: make(), app: make(), replication: make(), sentinel: make(), exporter: make() },
    sentinel: { admin: make(), app: make(), peer: make() },
  };
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    chmodSync(dirname(file), 0o700);
    writeDraft(file, stored, (draft) => linkSync(draft, file));
    return stored;
  } catch (error) {
    const existing = (error as NodeJS.ErrnoException).code === 'EEXIST' ? readStored(file) : undefined;
    if (existing !== undefined) return existing;
    throw unwritable(error, file);
  }
}

/**
 * Replaces the file. A reader sees either the old or the new content, even if the machine crashes.
 *
 * @throws KitError `STATE_UNWRITABLE`
 */
export function replaceStored(file: string, stored: Stored): void {
  try {
    writeDraft(file, stored, (draft) => renameSync(draft, file));
  } catch (error) {
    throw unwritable(error, file);
  }
}

function writeDraft(file: string, stored: Stored, place: (draft: string) => void): void {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(draft, `${JSON.stringify(stored, null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true });
    place(draft);
  } finally {
    rmSync(draft, { force: true });
  }
}

function unwritable(error: unknown, file: string): KitError {
  if (error instanceof KitError) return error;
  return new KitError(`cannot be written: ${(error as Error).message}`, {
    code: 'STATE_UNWRITABLE',
    exitCode: EXIT.UNKNOWN,
    where: displayPath(file),
    hint: 'free disk space, or make the directory writable',
    cause: error,
  });
}
