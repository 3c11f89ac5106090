/**
 * Runs the procedures of `redis_cache_kit.lua` in the first mode that the server and the user allow:
 *
 *   functions   FCALL; if the library is missing, the client loads it (FUNCTION LOAD), if permitted
 *   scripts     EVALSHA; if the script is missing, it is sent once with its text (EVAL, or SCRIPT LOAD)
 *   commands    neither: `run` returns `ABSENT`, and its caller uses plain commands
 *
 * The first call on a connection detects the mode; calls made in the meantime wait for the detection. A reconnect
 * repeats the detection, except that functions are tried immediately. A command that is denied, renamed or unknown
 * excludes its mode. An error caused by the server's state (OOM, NOREPLICAS, BUSY) is thrown to the caller and does not
 * exclude a mode.
 */

import { ClosedError, CommandError } from '../api/errors.ts';
import type { CacheConnection } from '../transport/cache-connection.ts';
import type { Argument, CallOptions } from '../transport/commands.ts';
import { isUnavailable } from '../transport/reply-error.ts';
import { LIBRARY, SCRIPT, SCRIPT_SHA1 } from './source.ts';

export type Procedure = 'fetch' | 'take' | 'store' | 'renew' | 'release' | 'purge' | 'update';

/** Reply of `run` if only plain commands are available. */
export const ABSENT = Symbol('no procedures');

export type Mode = 'functions' | 'scripts' | 'commands';

export interface ScriptingTerms {
  /** Whether the client loads a missing library. */
  readonly loadFunctions: boolean;
  /** Whether scripts are used if functions are not available. */
  readonly evalScripts: boolean;
}

interface Call {
  readonly name: Procedure;
  /** Keys, all in one slot. */
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
  readonly options: CallOptions;
}

const UNAVAILABLE = Symbol('unavailable');

export class Procedures {
  readonly #connection: CacheConnection;
  readonly #terms: ScriptingTerms;
  #mode: Mode | undefined;
  /**
   * Detections in progress, by connection. In a cluster each shard has its own detection, so no detection waits for an
   * unreachable shard.
   */
  readonly #search = new Map<CacheConnection, Promise<unknown>>();
  #searches = 0;
  /** Pending call that sends the script to a server that lacks it. */
  #sending: Promise<unknown> | undefined;
  #isEvalClosed = false;
  /** Whether FCALL is available but the library is missing. */
  #isMissing = false;
  /** Number of replies during the detection of the mode; each shows that the server is alive. */
  steps = 0;

  constructor(connection: CacheConnection, terms: ScriptingTerms) {
    this.#connection = connection;
    this.#terms = terms;
    connection.on((event) => {
      if (event.type !== 'ready') return;
      this.#isEvalClosed = false;
      if (this.#mode !== 'functions') this.#mode = undefined;
    });
  }

  /** Current mode; undefined if it is not known yet. */
  get mode(): Mode | undefined {
    return this.#mode;
  }

  /** Runs a procedure. Returns the reply, with Buffers; `ABSENT` if only plain commands are available. */
  run(
    name: Procedure,
    keys: readonly string[],
    args: readonly Argument[],
    options: CallOptions = {},
  ): Promise<unknown> {
    return this.#run({ name, keys, args, options: { ...options, buffers: true } });
  }

  #run(call: Call): Promise<unknown> {
    if (this.#mode === 'commands') return Promise.resolve(ABSENT);
    if (this.#mode === undefined) return this.#afterSearch(call);
    const searches = this.#searches;
    const reply = this.#mode === 'functions' ? this.#callFunction(call) : this.#callScript(call);
    return reply.catch((error: unknown) => {
      if (!excludesMode(error)) throw error;
      // Skipped if another call has found the next mode in the meantime.
      if (searches === this.#searches) this.#mode = undefined;
      return this.#run(call);
    });
  }

  async #afterSearch(call: Call): Promise<unknown> {
    const key = call.keys[0];
    const node = key === undefined ? this.#connection : this.#connection.at(key);
    const running = this.#search.get(node);
    if (running) {
      await running.catch((error: unknown) => {
        // The server did not reply, and would not reply to the other calls either.
        if (this.#mode === undefined) throw error;
      });
      return this.#run(call);
    }
    const search = this.#find(call);
    this.#search.set(node, search);
    try {
      return await search;
    } finally {
      this.#search.delete(node);
      this.#searches += 1;
    }
  }

  /** Runs the call in the first available mode, which the connection uses from then on. */
  async #find(call: Call): Promise<unknown> {
    const { loadFunctions, evalScripts } = this.#terms;
    let reply = await this.#try('functions', () => this.#callFunction(call));
    if (reply === UNAVAILABLE && this.#isMissing && loadFunctions && (await this.#loadLibrary()))
      reply = await this.#try('functions', () => this.#callFunction(call));
    // The script is sent with its source immediately, because the server probably lacks it.
    if (reply === UNAVAILABLE && evalScripts)
      reply = await this.#try('scripts', () => this.#sendScript(call));
    if (reply !== UNAVAILABLE) return reply;
    this.#mode = 'commands';
    return ABSENT;
  }

  async #try(mode: Mode, attempt: () => Promise<unknown>): Promise<unknown> {
    try {
      const reply = await attempt();
      this.#mode = mode;
      return reply;
    } catch (error) {
      if (!excludesMode(error)) {
        // The procedure has run, so the mode is available even though this call was rejected.
        if (error instanceof CommandError && PASSED_ON.test(error.message)) this.#mode = mode;
        throw error;
      }
      this.#isMissing = /function not found/i.test((error as Error).message);
      return UNAVAILABLE;
    } finally {
      this.steps += 1;
    }
  }

  /**
   * Loads the library. Returns false if the user lacks the permission, or if the server accepts no writes; in a
   * cluster, also if loading fails on any shard.
   */
  async #loadLibrary(): Promise<boolean> {
    try {
      await this.#load('FUNCTION', 'LOAD', 'REPLACE', LIBRARY);
      return true;
    } catch (error) {
      if (error instanceof ClosedError) throw error;
      return false;
    } finally {
      this.steps += 1;
    }
  }

  #callFunction({ name, keys, args, options }: Call): Promise<unknown> {
    return this.#connection.request('FCALL', [`rck2_${name}`, keys.length, ...keys, ...args], options);
  }

  async #callScript(call: Call): Promise<unknown> {
    try {
      return await this.#callBySum(call);
    } catch (error) {
      if (!isNoScript(error)) throw error;
    }
    // By the time the first caller has its reply, the server has the script, unless this call goes to a different node.
    if (this.#sending) {
      await this.#sending;
      try {
        return await this.#callBySum(call);
      } catch (error) {
        if (!isNoScript(error)) throw error;
      }
    }
    const sent = this.#sendScript(call);
    this.#sending = sent.catch(() => {});
    try {
      return await sent;
    } finally {
      this.#sending = undefined;
    }
  }

  #callBySum({ name, keys, args, options }: Call): Promise<unknown> {
    return this.#connection.request('EVALSHA', [SCRIPT_SHA1, keys.length, ...keys, ...args, name], options);
  }

  /**
   * Calls the script with its source, after which the server has the script. If EVAL is denied, SCRIPT LOAD may still
   * be allowed.
   */
  async #sendScript(call: Call): Promise<unknown> {
    const { name, keys, args, options } = call;
    if (!this.#isEvalClosed) {
      try {
        return await this.#connection.request('EVAL', [SCRIPT, keys.length, ...keys, ...args, name], options);
      } catch (error) {
        if (!excludesMode(error)) throw error;
        this.#isEvalClosed = true;
      }
    }
    try {
      return await this.#callBySum(call);
    } catch (error) {
      if (!isNoScript(error)) throw error;
    }
    await this.#load('SCRIPT', 'LOAD', SCRIPT);
    return this.#callBySum(call);
  }

  #load(command: string, ...args: readonly string[]): Promise<unknown> {
    return this.#connection.request(command, args, { failFast: true });
  }
}

const isNoScript = (error: unknown): boolean => error instanceof CommandError && error.code === 'NOSCRIPT';

/** Matches errors that a script passes on. Redis 6.2 appends them to its own message. */
const PASSED_ON = /(^|[\s:-])(OOM|NOREPLICAS|MISCONF|READONLY|WRONGTYPE) /;
/** Matches errors in which a script reports a missing permission for a key rather than for a command. */
const ABOUT_KEYS = /can't access.*\bkeys?\b/i;

/**
 * Whether an error excludes the mode: the command is denied, renamed or unknown, or the procedure calls such a command.
 * The same call never succeeds on this connection.
 */
function excludesMode(error: unknown): boolean {
  if (isUnavailable(error)) return true;
  if (!(error instanceof CommandError)) return false;
  const { code, message } = error;
  return code === 'NOSCRIPT' || (code === 'ERR' && !PASSED_ON.test(message) && !ABOUT_KEYS.test(message));
}
