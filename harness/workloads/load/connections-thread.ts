/**
 * Entry point of the thread that holds connections: it opens them at a given rate, each with a login and a PING, and
 * sends another PING on all connections once they are open. It uses plain sockets, because ten thousand clients with
 * queues and parsers would dominate the measurement.
 */
import '../../../config/es2024.ts';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';
import type { ConnectionsReport, ConnectionsSetup } from './connections-protocol.ts';

/** Pause between two groups of new connections. */
const GROUP_MS = 20;

class HeldConnections {
  readonly #setup: ConnectionsSetup;
  readonly #sockets = new Set<Socket>();
  #pongs = 0;
  #refused = 0;
  #error = '';

  constructor(setup: ConnectionsSetup) {
    this.#setup = setup;
  }

  async open(): Promise<ConnectionsReport> {
    const { asked, perSecond, boundMs } = this.#setup;
    const perGroup = Math.max(1, Math.round((perSecond * GROUP_MS) / 1_000));
    for (let opened = 0; opened < asked; opened += perGroup) {
      for (let i = opened; i < Math.min(asked, opened + perGroup); i++) this.#openOne();
      await sleep(GROUP_MS);
    }
    await this.#settled(asked, boundMs);
    return this.#report();
  }

  /** Sends a PING on every open connection, over two seconds. */
  async ask(): Promise<ConnectionsReport> {
    this.#pongs = 0;
    const all = [...this.#sockets];
    const perGroup = Math.max(1, Math.ceil(all.length / 100));
    for (let from = 0; from < all.length; from += perGroup) {
      for (const socket of all.slice(from, from + perGroup)) socket.write('PING\r\n');
      await sleep(GROUP_MS);
    }
    await this.#settled(all.length, this.#setup.boundMs);
    return this.#report();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #openOne(): void {
    const { host, port, tls, login } = this.#setup;
    const socket =
      tls === undefined ? connectTcp({ host, port }) : connectTls({ host, port, ...tls, ALPNProtocols: [] });
    this.#sockets.add(socket);
    socket.on(tls === undefined ? 'connect' : 'secureConnect', () => {
      if (login !== undefined) socket.write(commandText(['AUTH', login.username, login.password]));
      socket.write('PING\r\n');
    });
    socket.on('data', (data) => this.#heard(socket, data.toString('latin1')));
    socket.on('error', (error) => this.#lost(socket, error.message));
    socket.on('close', () => this.#lost(socket, 'closed by the server'));
  }

  #heard(socket: Socket, text: string): void {
    this.#pongs += text.split('+PONG').length - 1;
    const problem = /^-(.+)$/m.exec(text)?.[1];
    if (problem !== undefined) this.#lost(socket, problem.trim());
  }

  #lost(socket: Socket, reason: string): void {
    if (!this.#sockets.delete(socket)) return;
    this.#refused++;
    if (this.#error === '') this.#error = reason;
    socket.destroy();
  }

  /** Waits until every connection has replied or is lost. */
  async #settled(asked: number, boundMs: number): Promise<void> {
    const untilMs = performance.now() + boundMs;
    const lostBefore = asked - this.#sockets.size;
    while (
      this.#pongs < asked - lostBefore &&
      this.#pongs < this.#sockets.size &&
      performance.now() < untilMs
    )
      await sleep(GROUP_MS);
  }

  #report(): ConnectionsReport {
    const open = this.#sockets.size;
    return { open, answered: Math.min(open, this.#pongs), refused: this.#refused, error: this.#error };
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function commandText(parts: readonly string[]): string {
  const bulk = parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
  return `*${parts.length}\r\n${bulk.join('')}`;
}

const port = parentPort;
if (port !== null) {
  const held = new HeldConnections(workerData as ConnectionsSetup);
  port.on('message', async (what: 'open' | 'ask' | 'close') => {
    if (what === 'close') {
      held.close();
      port.close();
      return;
    }
    port.postMessage(await (what === 'open' ? held.open() : held.ask()));
  });
}
