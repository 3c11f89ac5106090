/**
 * Runs `kit` as a child process in a separate working directory, and lists the processes that are left behind. Disposal
 * ends everything that a test starts here.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import { parseDocument } from 'yaml';
import { EXIT } from '../../config/errors.ts';
import type { Report } from '../../harness/reports/report.ts';
import { type Ledger, ledgerPath, readLedger } from '../../infra/substrates/local/ledger.ts';
import { waitUntil } from './redis-process.ts';

const KIT = resolve('scripts/kit.ts');
const ENVIRONMENTS = resolve('config/environments');
/** The ESC character, which output to a pipe must not contain. */
const ESCAPE = '\x1b';
/** ioredis prints this text if a connection has an error and no listener. */
const UNHANDLED = '[ioredis] Unhandled error event';

export interface CommandResult {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Starts the command in a separate process group, as a shell does. */
  readonly group?: boolean;
  /** Runs the command as another user, which needs root. */
  readonly uid?: number;
}

export class CliHarness implements AsyncDisposable {
  readonly path: string;
  readonly #started = new Set<RunningCommand>();

  constructor(path = mkdtempSync(join(tmpdir(), 'kit-cli-'))) {
    this.path = path;
    mkdirSync(path, { recursive: true });
  }

  /** Runs a command and waits until it ends. */
  async runKit(...args: string[]): Promise<CommandResult> {
    return this.start(args).waitForExit();
  }

  start(args: readonly string[], options: StartOptions = {}): RunningCommand {
    const running = new RunningCommand(this.path, args, options);
    this.#started.add(running);
    return running;
  }

  /** Writes a file in the working directory, and returns its absolute path. */
  writeFile(name: string, content: string): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }

  /** Writes a copy of the environment `base` under the given name; the keys of `settings` are dotted paths. */
  writeEnvironment(
    name: string,
    settings: Readonly<Record<string, unknown>> = {},
    base: 'dev' | 'single' = 'dev',
  ): string {
    const document = parseDocument(readFileSync(join(ENVIRONMENTS, `${base}.yaml`), 'utf8'));
    for (const [path, value] of Object.entries({ name, ...settings })) document.setIn(path.split('.'), value);
    return this.writeFile(`${name}.yaml`, String(document));
  }

  readReport(out: string): Report {
    return JSON.parse(readFileSync(join(this.path, out, 'report.json'), 'utf8')) as Report;
  }

  /**
   * Expects a run without failures: every criterion passes, or the machine was too busy to judge it. Which of the two
   * applies depends on other load during the tests. A criterion that does not depend on time must pass.
   */
  expectNoFailures({ exitCode, err }: CommandResult, out: string): Report {
    const report = this.readReport(out);
    const unheld = report.verdict.criteria.filter(
      (criterion) => !['PASS', 'OUT_OF_SCOPE'].includes(criterion.state) && !isExcused(criterion),
    );
    expect(unheld, err).toEqual([]);
    expect(exitCode, err).toBe(report.verdict.criteria.some(isExcused) ? EXIT.UNKNOWN : EXIT.GO);
    return report;
  }

  readLedger(environment: string): Ledger | undefined {
    return readLedger(ledgerPath(join(this.path, '.kit'), environment));
  }

  /**
   * Processes started from the working directory, as the kernel reports them. Nodes have it as their working directory,
   * and reapers have it in their arguments.
   */
  listProcesses(): readonly { readonly pid: number; readonly command: string; readonly stopped: boolean }[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        try {
          const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
          const here =
            readlinkSync(`/proc/${name}/cwd`).startsWith(this.path) || command.includes(`${this.path}/`);
          const state = /\) (\S)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8'))?.[1];
          return here && state !== 'Z' ? [{ pid: Number(name), command, stopped: state === 'T' }] : [];
        } catch {
          return []; // The process has ended.
        }
      });
  }

  /** Kills a process with SIGKILL and waits until it has ended. */
  async killProcess(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL');
    const isListed = () => this.listProcesses().some((process) => process.pid === pid);
    await waitUntil(`process ${pid} to have ended`, () => !isListed());
  }

  /** Stops a process with SIGSTOP and waits until it is stopped. SIGCONT resumes it. */
  async pauseProcess(pid: number): Promise<void> {
    process.kill(pid, 'SIGSTOP');
    const isStopped = () => this.listProcesses().some((process) => process.pid === pid && process.stopped);
    await waitUntil(`process ${pid} to be stopped`, isStopped);
  }

  /** Waits until no process of this harness runs and no environment is left on disk. */
  async expectNothingLeft(withinMs = 60_000): Promise<void> {
    const left = () => [
      ...this.listProcesses().map(({ pid, command }) => `${pid} ${command}`),
      ...environmentsOf(this.path),
    ];
    await waitUntil('nothing to be left', () => left().length === 0, withinMs).catch(() => {
      throw new Error(`left behind after ${withinMs} ms: ${left().join('; ')}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#started) running.kill('SIGKILL');
    for (const name of environmentsOf(this.path)) {
      await this.runKit('down', '--env', this.#yamlOf(name));
    }
    rmSync(this.path, { recursive: true, force: true, maxRetries: 3 });
  }

  #yamlOf(name: string): string {
    return readdirSync(this.path).includes(`${name}.yaml`) ? join(this.path, `${name}.yaml`) : name;
  }
}

/** A running command. */
export class RunningCommand {
  readonly #child: ChildProcess;
  readonly #group: boolean;
  readonly #exit: Promise<unknown[]>;
  readonly #output: Promise<readonly [string, string]>;
  #said = '';

  constructor(cwd: string, args: readonly string[], { env = {}, group = false, uid }: StartOptions) {
    const child = spawn(process.execPath, [KIT, ...args], {
      cwd,
      env: { ...process.env, ...env },
      detached: group,
      ...(uid !== undefined && { uid, gid: uid }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#group = group;
    this.#exit = once(child, 'exit');
    this.#output = Promise.all([text(child.stdout), text(child.stderr)]);
    child.stderr.on('data', (data) => {
      this.#said += data;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Progress that the command has printed so far. */
  get progress(): string {
    return this.#said;
  }

  /** Waits until the printed progress matches `what`. */
  async waitForProgress(what: RegExp, withinMs = 150_000): Promise<void> {
    await waitUntil(
      `kit to print ${what}`,
      () => {
        if (this.#child.exitCode !== null)
          throw new Error(`kit ended before it printed ${what}: ${this.#said}`);
        return what.test(this.#said);
      },
      withinMs,
    );
  }

  /** Sends the signal to the command or, if it was started as a group, to the entire group, as a terminal does. */
  kill(signal: NodeJS.Signals): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    process.kill(this.#group ? -this.pid : this.pid, signal);
  }

  /** Waits until the command ends. Output to a pipe must never contain colour codes. */
  async waitForExit(): Promise<CommandResult> {
    const [exitCode] = (await this.#exit) as [number | null];
    const [out, err] = await this.#output;
    if ((out + err).includes(ESCAPE)) throw new Error(`colour codes in a pipe: ${JSON.stringify(out + err)}`);
    if (err.includes(UNHANDLED)) throw new Error(`a connection without an error listener: ${err}`);
    return { exitCode, out, err };
  }
}

/** True if the criterion was not judged because the machine was too busy during its trials. */
export function isExcused({ state, attempts }: Report['verdict']['criteria'][number]): boolean {
  return state === 'INVALID' && (attempts?.leftOut ?? 0) > 0;
}

function environmentsOf(path: string): readonly string[] {
  try {
    return readdirSync(join(path, '.kit', 'environments'));
  } catch {
    return [];
  }
}
