/**
 * Toxics, named as Toxiproxy names them (github.com/Shopify/toxiproxy): each applies to one direction of a proxied
 * connection and delays, limits or ends it.
 *
 * `downstream` is from Redis to the client (the default, as there), `upstream` from the client to Redis. `down` is not a
 * toxic but the proxy switched off: it refuses connections and resets those it has.
 */
export type Direction = 'upstream' | 'downstream';

interface ToxicBase {
  /** Default `downstream`. */
  readonly stream?: Direction;
}

export type Toxic = ToxicBase &
  (
    | { readonly type: 'latency'; readonly latencyMs: number; readonly jitterMs?: number }
    /** Nothing passes; the connection is closed after the time; 0: never. */
    | { readonly type: 'timeout'; readonly timeoutMs: number }
    | { readonly type: 'bandwidth'; readonly kilobytesPerSecond: number }
    /** Closes the connection after that many bytes. */
    | { readonly type: 'limit_data'; readonly bytes: number }
    /** Ends the connection by a reset (RST) after the time, from the first byte on. */
    | { readonly type: 'reset_peer'; readonly timeoutMs: number }
    /** Delays the close of the connection. */
    | { readonly type: 'slow_close'; readonly delayMs: number }
  );

/** Totals since the proxy began. */
export interface Traffic {
  readonly connections: number;
  /** In both directions. */
  readonly bytes: number;
}

export type ToxicType = Toxic['type'];
