/** Messages between the holder of connections and its thread. */
import type { ClientSpec } from '../adapter.ts';

export interface ConnectionsSetup {
  readonly host: string;
  readonly port: number;
  readonly tls?: ClientSpec['tls'];
  readonly login: ClientSpec['app'] | undefined;
  readonly asked: number;
  readonly perSecond: number;
  /** Time limit, in ms, for the answers after the last connection has been opened. */
  readonly boundMs: number;
}

export interface ConnectionsReport {
  readonly open: number;
  /** Number of connections that answered the last PING. */
  readonly answered: number;
  readonly refused: number;
  /** Reason for the first refusal or loss of a connection. */
  readonly error: string;
}
