/** An application that leaks connections: a process that opens idle connections to a node and keeps them open. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Address } from './redis-process.ts';

/**
 * Retries each connection that the node refuses, so that the node stays at its limit, but does not reopen a connection
 * that the node closes later.
 */
const PROGRAM = `
const [, host, port, count] = process.argv;
const open = () => require('node:net').connect(Number(port), host)
  .on('error', () => {})
  .once('data', () => setTimeout(open, 100));
for (let n = 0; n < Number(count); n++) open();
setInterval(() => {}, 1000);
`;

export class ConnectionLeak implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor({ host, port }: Address, count: number) {
    const args = ['-e', PROGRAM, '--', host, String(port), String(count)];
    this.#child = spawn(process.execPath, args, { stdio: 'ignore' });
    this.#exited = once(this.#child, 'exit');
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Ends the application, as a restart would. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
