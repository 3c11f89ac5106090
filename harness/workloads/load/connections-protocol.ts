/** Messages between the holder of connections and its thread. */
import type { ClientSpec } from '../adapter.ts';

export interface ConnectionsSetup {
  readonly host: string;
  readonly port: number;
  readonly tls?: ClientSpec['tls'];
  readonly login: ClientSpec['app'] | undefined;
  readonly asked: number;
  readonly perSecond: number;
  /** Time limit for the answers after the last connection was opened. */
  readonly boundMs: number;
}

export interface ConnectionsReport {
  readonly open: number;
  /** Connections that answered the last PING. */
  readonly answered: number;
  readonly refused: number;
  /** First reason of a refused or lost connection. */
  readonly error: string;
}
