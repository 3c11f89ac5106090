/**
 * Password rotation, as recorded in the password file. Each step replaces the file once, so that a rotation can
 * continue after a crash.
 *
 *   begin ─▶ adding: the new passwords are generated; not all nodes accept them yet
 *   switch ─▶ both: the new passwords are current, and the nodes accept the previous ones as well
 *   end ─▶ no rotation
 *
 * `switch` swaps the current and the other passwords; in the `both` phase it makes the previous passwords current
 * again. Left out: the nodes (`infra/operations/password-rotation.ts`).
 */
import { sha256Hex } from './digest.ts';
import { readVariables, type Variables } from './env.ts';
import { EXIT, KitError } from './errors.ts';
import { isGiven, type Program, placeholderOf, variableOf } from './secrets.ts';
import {
  drawPassword,
  REDIS_USERS,
  type RedisUser,
  readStored,
  replaceStored,
  SENTINEL_USERS,
  type SentinelUser,
  type Stored,
  secretsFile,
} from './stored-secrets.ts';
import { displayPath } from './yaml.ts';

/** Users whose passwords are rotated, on the Redis nodes and on the sentinels. */
export interface RotatedUsers {
  readonly redis: readonly RedisUser[];
  readonly sentinel: readonly SentinelUser[];
}

/** Rotation in progress. */
export interface Rotation {
  readonly phase: NonNullable<Stored['rotation']>['phase'];
  /** Start of the rotation, ISO 8601, UTC. */
  readonly startedAt: string;
  readonly users: RotatedUsers;
}

/** Names for `kit rotate --user`: `admin` and `app` exist on the Redis nodes and on the sentinels. */
export const ROTATABLE_USERS: readonly string[] = [...new Set<string>([...REDIS_USERS, ...SENTINEL_USERS])];

/**
 * Returns the users with these names.
 *
 * @param names names in `ROTATABLE_USERS`
 * @param hasSentinels if false, sentinel users are left out
 */
export function usersNamed(names: readonly string[], hasSentinels: boolean): RotatedUsers {
  return {
    redis: REDIS_USERS.filter((user) => names.includes(user)),
    sentinel: hasSentinels ? SENTINEL_USERS.filter((user) => names.includes(user)) : [],
  };
}

/** Returns the rotation in progress. @throws KitError as `readStored` */
export function readRotation(environmentName: string, stateDir: string): Rotation | undefined {
  const rotation = readStored(secretsFile(environmentName, stateDir))?.rotation;
  if (rotation === undefined) return undefined;
  const { phase, startedAt, redis, sentinel } = rotation;
  return {
    ...{ phase, startedAt },
    users: {
      redis: REDIS_USERS.filter((user) => redis[user] !== undefined),
      sentinel: SENTINEL_USERS.filter((user) => sentinel[user] !== undefined),
    },
  };
}

/**
 * Generates a new password for each user. The previous passwords stay current.
 *
 * @throws KitError `ROTATION_IN_PROGRESS`; `SECRETS_GIVEN` if a variable replaces the password of a user, because the
 * file then does not determine the password; `STATE_UNWRITABLE`
 */
export function beginRotation(
  environmentName: string,
  stateDir: string,
  users: RotatedUsers,
  variables: Variables = readVariables(),
): void {
  for (const program of ['redis', 'sentinel'] as const) {
    const given = users[program].find((user) => isGiven(program, user, variables));
    if (given !== undefined) throw givenPassword(program, given);
  }
  changeStored(environmentName, stateDir, (stored, file) => {
    if (stored.rotation !== undefined) {
      throw new KitError('a password rotation is in progress', {
        code: 'ROTATION_IN_PROGRESS',
        where: displayPath(file),
        hint: 'run kit rotate --phase finish, or --phase cancel',
      });
    }
    const draw = (names: readonly string[]) =>
      Object.fromEntries(names.map((user) => [user, drawPassword()]));
    return {
      ...stored,
      rotation: {
        ...{ phase: 'adding', startedAt: new Date().toISOString() },
        ...{ redis: draw(users.redis), sentinel: draw(users.sentinel) },
      },
    };
  });
}

/** Swaps the current and the other passwords. @throws KitError `STATE_UNWRITABLE` */
export function switchPasswords(environmentName: string, stateDir: string): void {
  changeStored(environmentName, stateDir, (stored) => {
    const { rotation } = stored;
    if (rotation === undefined) return stored;
    const exchange = <T extends Readonly<Record<string, string>>>(
      current: T,
      other: Readonly<Partial<Record<keyof T, string | undefined>>>,
    ) => {
      const users = (Object.keys(other) as (keyof T & string)[]).filter((user) => other[user] !== undefined);
      return {
        current: { ...current, ...Object.fromEntries(users.map((user) => [user, other[user]])) } as T,
        other: Object.fromEntries(users.map((user) => [user, current[user]])),
      };
    };
    const redis = exchange(stored.redis, rotation.redis);
    const sentinel = exchange(stored.sentinel, rotation.sentinel);
    return {
      ...stored,
      ...{ redis: redis.current, sentinel: sentinel.current },
      rotation: { ...rotation, phase: 'both', redis: redis.other, sentinel: sentinel.other },
      placeholders: {
        redis: keptPlaceholders(stored, 'redis', redis.current),
        sentinel: keptPlaceholders(stored, 'sentinel', sentinel.current),
      },
    };
  });
}

/** Removes the other passwords from the file. @throws KitError `STATE_UNWRITABLE` */
export function endRotation(environmentName: string, stateDir: string): void {
  changeStored(environmentName, stateDir, ({ rotation: _, ...stored }) => stored);
}

/** Returns the placeholders of the users whose password differs from the previous one. */
function keptPlaceholders(
  stored: Stored,
  program: Program,
  next: Readonly<Record<string, string>>,
): Record<string, { of: string; text: string }> {
  const before: Readonly<Record<string, string>> = stored[program];
  const kept: Readonly<Record<string, { of: string; text: string } | undefined>> =
    stored.placeholders?.[program] ?? {};
  return Object.fromEntries(
    Object.entries(next).flatMap(([user, password]) => {
      const former = before[user] ?? '';
      const valid = kept[user]?.of === sha256Hex(former) ? kept[user] : undefined;
      if (password === former) return valid === undefined ? [] : [[user, valid]];
      return [[user, { of: sha256Hex(password), text: valid?.text ?? placeholderOf(former) }]];
    }),
  );
}

function changeStored(
  environmentName: string,
  stateDir: string,
  change: (stored: Stored, file: string) => Stored,
): void {
  const file = secretsFile(environmentName, stateDir);
  const stored = readStored(file);
  if (stored === undefined) {
    throw new KitError('does not exist', {
      code: 'STATE_UNREADABLE',
      exitCode: EXIT.UNKNOWN,
      where: displayPath(file),
      hint: 'restore the secrets file of the running environment',
    });
  }
  replaceStored(file, change(stored, file));
}

function givenPassword(program: Program, user: string): KitError {
  const variable = variableOf(program, user);
  return new KitError(
    `the password of ${program} user '${user}' is set by a variable and cannot be rotated`,
    {
      code: 'SECRETS_GIVEN',
      where: `variable ${variable} or ${variable}_FILE`,
      hint: 'write the password to the secrets file, unset the variable, and try again; or rotate other users with --user',
    },
  );
}
