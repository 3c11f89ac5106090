/**
 * A headless Chromium that shows HTML files and evaluates expressions in them, over its debugging pipe. Expressions
 * also run in pages whose policy forbids scripts. Left out: the comparison of images, because the tests measure the
 * layout instead.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { isInstalled } from '../../infra/host/process.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
/** Time limit of each command, including loading a page. */
const COMMAND_MS = 30_000;

/** Name of an installed Chromium or Chrome; undefined if there is none. */
export const findBrowser = (): string | undefined => NAMES.find(isInstalled);

export interface Screen {
  readonly width: number;
  readonly scheme: 'light' | 'dark';
  readonly media: 'screen' | 'print';
}

type Reply = Readonly<Record<string, unknown>>;

interface Waiter {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

export class Browser implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #waiters = new Map<number | string, Waiter>();
  #sent = 0;
  #session: string | undefined;
  #unread = '';

  private constructor(name: string) {
    this.#profile = mkdtempSync(join(tmpdir(), 'kit-browser-'));
    // The sandbox cannot run as root. It is not needed, because the pages come from the tests.
    const flags = [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
    ];
    this.#child = spawn(
      name,
      [...flags, '--remote-debugging-pipe', `--user-data-dir=${this.#profile}`, 'about:blank'],
      {
        stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
        detached: true,
        // Otherwise, the browser's lock would remain in the folder for temporary files.
        env: { ...process.env, TMPDIR: this.#profile },
      },
    );
    const output = this.#child.stdio[4] as Readable;
    output.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.#child.once('error', (error) => this.#fail(error));
    this.#child.once('exit', (code) => this.#fail(new Error(`the browser exited with ${code}`)));
  }

  /** @throws Error if the browser does not reply within its time limit */
  static async open(name: string): Promise<Browser> {
    const browser = new Browser(name);
    try {
      const { targetInfos } = (await browser.#send('Target.getTargets')) as {
        readonly targetInfos: readonly { readonly targetId: string; readonly type: string }[];
      };
      const targetId = targetInfos.find(({ type }) => type === 'page')?.targetId;
      const attached = await browser.#send('Target.attachToTarget', { targetId, flatten: true });
      browser.#session = String(attached.sessionId);
      await browser.#send('Page.enable');
      return browser;
    } catch (error) {
      await browser[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Sets the given screen, then loads the file. */
  async show(file: string, screen: Screen): Promise<void> {
    await this.setScreen(screen);
    const loaded = this.#await('Page.loadEventFired', 'the load of the page');
    await this.#send('Page.navigate', { url: pathToFileURL(resolve(file)).href });
    await loaded;
  }

  /**
   * Changes the screen of the page. In print media, the page keeps the width of the screen, which equals the width of
   * the paper.
   */
  async setScreen({ width, scheme, media }: Screen): Promise<void> {
    await this.#send('Emulation.setDeviceMetricsOverride', {
      ...{ width, height: 900, deviceScaleFactor: 1, mobile: false },
    });
    await this.#send('Emulation.setEmulatedMedia', {
      media: media === 'print' ? 'print' : '',
      features: [{ name: 'prefers-color-scheme', value: scheme }],
    });
  }

  /**
   * Evaluates an expression in the page and returns its value, which must be JSON.
   * @throws Error with the details of the exception that the expression throws
   */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.#send('Runtime.evaluate', {
      expression,
      returnByValue: true,
    })) as { readonly result: { readonly value?: unknown }; readonly exceptionDetails?: unknown };
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return result.value as T;
  }

  /** Prints the page and returns the number of sheets. */
  async countSheets(): Promise<number> {
    const { data } = await this.#send('Page.printToPDF', {
      printBackground: true,
      paperWidth: 8.27,
      paperHeight: 11.69,
    });
    return (
      Buffer.from(String(data), 'base64')
        .toString('latin1')
        .match(/\/Type\s*\/Page\b/g) ?? []
    ).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) {
      const exited = once(this.#child, 'exit');
      process.kill(-pid, 'SIGKILL');
      await exited;
    }
    // Helper processes of the browser may still write files shortly after it exits.
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  #send(method: string, params: Reply = {}): Promise<Reply> {
    const id = ++this.#sent;
    const reply = this.#await(id, method);
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    return reply;
  }

  #await(key: number | string, what: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#settle(key)?.reject(new Error(`timed out after ${COMMAND_MS} ms waiting for ${what}`)),
        COMMAND_MS,
      );
      const settled =
        <V>(then: (value: V) => void) =>
        (value: V) => {
          clearTimeout(timer);
          then(value);
        };
      this.#waiters.set(key, { resolve: settled(resolve), reject: settled(reject) });
    });
  }

  #settle(key: number | string): Waiter | undefined {
    const waiter = this.#waiters.get(key);
    this.#waiters.delete(key);
    return waiter;
  }

  #fail(error: Error): void {
    for (const key of [...this.#waiters.keys()]) this.#settle(key)?.reject(error);
  }

  #read(text: string): void {
    const messages = (this.#unread + text).split('\0');
    this.#unread = messages.pop() ?? '';
    for (const message of messages) {
      const { id, method, result, error } = JSON.parse(message) as Reply;
      const waiter = this.#settle((id ?? method) as number | string);
      if (error === undefined) waiter?.resolve((result ?? {}) as Reply);
      else waiter?.reject(new Error(JSON.stringify(error)));
    }
  }
}
