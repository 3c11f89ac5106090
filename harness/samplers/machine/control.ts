/**
 * Control measurement: the round trip of a bare PING on its own socket, without any client library. One PING is in
 * flight at a time, and the reply is not parsed, because an error reply is a round trip too. A closed connection is
 * reopened; until then there are no samples.
 */
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Address } from '../../../infra/topology.ts';

const RECONNECT_AFTER_MS = 1_000;

export interface ControlTarget {
  readonly address: Address;
  /** Login; absent if there is no password, so that AUTH is not sent. */
  readonly login?: { readonly username: string; readonly password: string };
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
  readonly everyMs: number;
}

export interface Control {
  /** Whether a PING can be sent: the connection is open, and the last reply has arrived. */
  readonly isIdle: boolean;
  /**
   * Sends a PING. `answered` is called once, when the first bytes of the reply arrive; it is not called if the
   * connection ends before that.
   */
  ask(answered: () => void): void;
  close(): void;
}

export function openControl(target: ControlTarget): Control {
  let socket: Socket | undefined;
  let state: 'connecting' | 'idle' | 'asked' | 'closed' = 'connecting';
  let resolveAnswer: () => void = () => undefined;
  let timer: NodeJS.Timeout | undefined;

  const open = () => {
    const { host, port } = target.address;
    const current =
      target.tls === undefined
        ? connectPlain({ host, port, noDelay: true })
        : connectTls({ host, port, ...target.tls }, () => login(current));
    socket = current;
    if (target.tls === undefined) current.once('connect', () => login(current));
    else current.setNoDelay(true);
    current.on('data', () => onData());
    current.on('error', () => undefined);
    current.once('close', () => onClose(current));
  };
  const login = (current: Socket) => {
    const { login: who } = target;
    resolveAnswer = () => undefined;
    if (who === undefined) state = 'idle';
    else {
      state = 'asked';
      current.write(encodeCommand('AUTH', who.username, who.password));
    }
  };
  const onData = () => {
    if (state !== 'asked') return;
    state = 'idle';
    resolveAnswer();
  };
  const onClose = (current: Socket) => {
    if (state === 'closed' || current !== socket) return;
    state = 'connecting';
    timer = setTimeout(open, RECONNECT_AFTER_MS);
  };

  open();
  return {
    get isIdle() {
      return state === 'idle';
    },
    ask(onAnswer) {
      state = 'asked';
      resolveAnswer = onAnswer;
      socket?.write(PING);
    },
    close() {
      state = 'closed';
      clearTimeout(timer);
      socket?.destroy();
    },
  };
}

function encodeCommand(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

const PING = encodeCommand('PING');
