/** Controls a process with its own cache on behalf of a trial. */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { KitError } from '../../../config/errors.ts';
import { moduleUrl } from '../../../config/installation.ts';
import { withTimeout } from '../../wait.ts';
import type { ClientSpec } from '../adapter.ts';
import type { CacheOverrides } from '../kit.ts';
import type { Call, Caller, Performed } from './call.ts';
import type { CallerCommand, CallerReply, CallerRequest } from './process.ts';

/** Time limit for a reply, in ms. A process starts within 1 s on an idle machine. */
const REPLY_BOUND_MS = 15_000;

export interface CallerProcess extends Caller, AsyncDisposable {
  /** Kills the process as a crash would, at any point in its work. */
  kill(): Promise<void>;
  /** Suspends the process (SIGSTOP): its sockets stay open, but it neither sends nor receives. */
  suspend(): void;
  /** Resumes a suspended process. */
  resume(): void;
}

export interface CallerOptions {
  readonly name: string;
  readonly spec: ClientSpec;
  readonly overrides?: CacheOverrides;
  /** Additional environment variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a process; resolves when its cache has reached Redis. */
export async function startCaller({
  name,
  spec,
  overrides = {},
  env,
}: CallerOptions): Promise<CallerProcess> {
  const child = new Child(name, env);
  try {
    await child.ask({ do: 'open', spec, overrides });
    return child;
  } catch (error) {
    await child.end();
    throw error;
  }
}

class Child implements CallerProcess {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #waiting = new Map<number, (reply: CallerReply) => void>();
  #requests = 0;
  readonly #continue = () => void this.#process.kill('SIGCONT');

  constructor(name: string, env: CallerOptions['env']) {
    this.name = name;
    this.#process = fork(fileURLToPath(moduleUrl('./process', import.meta.url)), [], {
      ...programOf(env),
      // Values can be Dates, Maps and bytes.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#process.on('message', (reply: CallerReply) => this.#waiting.get(reply.id)?.(reply));
    this.#exited = new Promise((resolve) => this.#process.once('exit', () => resolve()));
    void this.#exited.then(() => {
      for (const [id, answer] of this.#waiting) answer({ id, error: 'it ended' });
    });
  }

  async perform(call: Call): Promise<Performed> {
    const performed = await this.ask({ do: 'perform', call });
    if (performed === undefined) throw this.#failed('perform', 'the reply has no result');
    return performed;
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await withTimeout(`the process of ${this.name} to end`, this.#exited, { boundMs: REPLY_BOUND_MS });
  }

  suspend(): void {
    // A suspended process does not notice that its channel has closed.
    process.once('exit', this.#continue);
    this.#process.kill('SIGSTOP');
  }

  resume(): void {
    process.off('exit', this.#continue);
    this.#continue();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ask({ do: 'close' }).catch(() => undefined);
    await this.end();
  }

  async ask(command: CallerCommand): Promise<Performed | undefined> {
    const id = ++this.#requests;
    const { promise, resolve } = Promise.withResolvers<CallerReply>();
    this.#waiting.set(id, resolve);
    this.#process.send({ id, command } satisfies CallerRequest, (error) => {
      if (error) resolve({ id, error: error.message });
    });
    try {
      const what = `the process of ${this.name} to ${command.do}`;
      const reply = await withTimeout(what, promise, { boundMs: REPLY_BOUND_MS });
      if (reply.error !== undefined) throw this.#failed(command.do, reply.error);
      return reply.performed;
    } finally {
      this.#waiting.delete(id);
    }
  }

  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    const ended = withTimeout(`the process of ${this.name} to end`, this.#exited, {
      boundMs: REPLY_BOUND_MS,
    });
    await ended.catch(() => this.#process.kill('SIGKILL'));
  }

  #failed(action: string, reason: string): KitError {
    return new KitError(`the process of ${this.name} cannot ${action}: ${reason}`, { code: 'CALLER_FAILED' });
  }
}

/** Returns the program to start: Node.js, or `env`, which adds the variables to the environment of this process. */
function programOf(env: CallerOptions['env'] = {}): Pick<ForkOptions, 'execPath' | 'execArgv'> {
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  if (assignments.length === 0) return { execArgv: [] };
  return { execPath: '/usr/bin/env', execArgv: [...assignments, process.execPath] };
}
