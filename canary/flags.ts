/**
 * Switches that control a canary. Both must be on; otherwise every user is served without the pattern cache. The
 * service reads them again every few seconds, so a change needs no deployment.
 */
import { parseSwitch, readVariables } from '../config/env.ts';
import { KitError } from '../config/errors.ts';

export interface Flags {
  /** Whether Redis may be used at all (`ENABLE_REDIS_CACHE`). */
  readonly redisCache: boolean;
  /** Whether users in the canary may use the pattern cache (`ENABLE_PATTERN_CACHE`). */
  readonly patternCache: boolean;
}

/** Source of the switch values. If a read fails, the last known values remain in effect. */
export interface FlagSource {
  read(): Flags | Promise<Flags>;
}

/**
 * Reads the switches from the environment variables and from `.env` on every call. A switch that is not set is off.
 *
 * @param read function that reads the variables; the default reads the environment, then `.env` in the working
 * directory
 */
export function environmentFlags(read: typeof readVariables = readVariables): FlagSource {
  return {
    read() {
      const variables = read();
      const isOn = (name: string): boolean => {
        const variable = variables.get(name);
        if (variable === undefined) return false;
        const value = parseSwitch(variable.text);
        if (typeof value === 'boolean') return value;
        throw new KitError(`must be true or false, got '${variable.text}'`, {
          code: 'CONFIG_INVALID',
          where: `${variable.origin} ${name}`,
        });
      };
      return { redisCache: isOn('ENABLE_REDIS_CACHE'), patternCache: isOn('ENABLE_PATTERN_CACHE') };
    },
  };
}

/** Returns fixed switches, for tests and for an application that has its own kill switch. */
export function fixedFlags(flags: Flags): FlagSource {
  return { read: () => flags };
}
