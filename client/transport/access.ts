/**
 * Logs in to servers, and delays retries after a rejected login.
 *
 *   open ─▶ rejected recently? ─▶ the same error, without a connect
 *        └▶ login: user and password, from functions if configured ─▶ connect ─▶ accepted
 *                                                                              └▶ rejected (WRONGPASS, NOAUTH, …)
 *
 * Each rejection delays the next attempt at the same server; the delay doubles each time, up to 5 s.
 *
 * Left out: servers that cannot be reached (`probe.ts` retries them), and a login that expires while a connection is
 * open: the server closes the connection, and the next connect calls the functions again.
 */

import type { Address, Credential } from '../api/types.ts';
import { addressKey } from './address.ts';
import { jittered, now, withTimeout } from './timing.ts';

/** Minimum delay between a rejection and the next attempt at the same server, in ms. */
const REST_MIN_MS = 250;
const REST_MAX_MS = 5000;
/** Key for the delay after a credential function has failed; no server was contacted in this case. */
const CREDENTIALS = 'credentials';

export interface Login {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

export interface AccessOptions {
  readonly username: Credential | undefined;
  readonly password: Credential | undefined;
  /** Names of the two options, for error messages. */
  readonly names: readonly [username: string, password: string];
  /** Timeout for the credential functions, in ms. */
  readonly timeoutMs: number;
}

/** A credential function did not provide a user or password. */
class CredentialError extends Error {
  override readonly name = 'CredentialError';
}

interface Rest {
  readonly until: number;
  readonly ms: number;
  readonly error: Error;
}

export class Access {
  readonly #options: AccessOptions;
  readonly #rests = new Map<string, Rest>();
  #asking: Promise<Login> | undefined;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /**
   * Runs `connect` with the current login.
   *
   * @param refuses whether an error from `connect` is a reply from the server
   * @throws the last rejection, without connecting, if the delay has not passed yet
   */
  async open<L>(
    address: Address,
    connect: (login: Login) => Promise<L>,
    refuses: (error: unknown) => error is Error,
  ): Promise<L> {
    const server = addressKey(address);
    this.#assertRested(CREDENTIALS);
    this.#assertRested(server);
    const login = await this.#login();
    try {
      const link = await connect(login);
      this.#rests.delete(server);
      return link;
    } catch (error) {
      if (refuses(error)) this.#rest(server, error);
      throw error;
    }
  }

  #assertRested(key: string): void {
    const rest = this.#rests.get(key);
    if (rest && now() < rest.until) throw rest.error;
  }

  #rest(key: string, error: Error): void {
    const last = this.#rests.get(key);
    const continues = last !== undefined && now() - last.until < REST_MAX_MS;
    const ms = continues ? Math.min(last.ms * 2, REST_MAX_MS) : REST_MIN_MS;
    this.#rests.set(key, { until: now() + jittered(ms), ms, error });
  }

  /** Returns the login. Concurrent connection attempts share one call to the functions. */
  async #login(): Promise<Login> {
    const { username, password } = this.#options;
    if (typeof username !== 'function' && typeof password !== 'function') return { username, password };
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<Login> {
    const { username, password, names } = this.#options;
    try {
      const [user, secret] = await Promise.all([
        this.#value(names[0], username),
        this.#value(names[1], password),
      ]);
      this.#rests.delete(CREDENTIALS);
      return { username: user, password: secret };
    } catch (error) {
      this.#rest(CREDENTIALS, error as Error);
      throw error;
    }
  }

  async #value(name: string, given: Credential | undefined): Promise<string | undefined> {
    if (typeof given !== 'function') return given;
    const { timeoutMs } = this.#options;
    let value: unknown;
    try {
      value = await withTimeout(new Promise((resolve) => resolve(given())), timeoutMs, 'the function');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new CredentialError(`${name}: the function failed: ${reason}`, { cause: error });
    }
    // The value is a secret, so the error contains only its type.
    if (typeof value !== 'string' || value === '')
      throw new CredentialError(`${name}: the function returned ${kindOf(value)}, not a non-empty string`);
    return value;
  }
}

function kindOf(value: unknown): string {
  if (value === '') return 'an empty string';
  return value === null || value === undefined ? String(value) : `a value of type ${typeof value}`;
}
