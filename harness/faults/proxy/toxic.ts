/**
 * Toxics with the names and parameters of Toxiproxy (github.com/Shopify/toxiproxy): each applies to one direction of a
 * proxied connection and delays, slices, limits or ends it.
 *
 * `downstream` is from Redis to the client (the default, as in Toxiproxy), `upstream` from the client to Redis. `down`
 * is not a toxic but a disabled proxy: it refuses new connections and resets existing ones.
 *
 * One difference from Toxiproxy: bytes stopped by `timeout` and `reset_peer` are held, not dropped. If the toxic is
 * removed in time, they pass, as they would after a server hang.
 */
export type Direction = 'upstream' | 'downstream';

/** Attributes by type of toxic, with Toxiproxy's units: ms, KB/s and bytes; `slicer.delay` is in microseconds. */
export interface ToxicAttributes {
  /** Delays all data by `latency` +/- `jitter`. */
  readonly latency: { readonly latency: number; readonly jitter?: number };
  /** Limits the stream to `rate` KB/s. */
  readonly bandwidth: { readonly rate: number };
  /** Delays the close of the connection. */
  readonly slow_close: { readonly delay: number };
  /** Nothing passes; the connection is closed after the given time, or never if the time is 0. */
  readonly timeout: { readonly timeout: number };
  /** Resets the connection (RST) after the given time, counted from the first byte. */
  readonly reset_peer: { readonly timeout: number };
  /** Passes data in slices of `average_size` +/- `size_variation` bytes, with a delay after each. */
  readonly slicer: {
    readonly average_size: number;
    readonly size_variation?: number;
    readonly delay?: number;
  };
  /** Closes the connection after this number of bytes, counted from the time at which the toxic was added. */
  readonly limit_data: { readonly bytes: number };
}

export type ToxicType = keyof ToxicAttributes;

interface ToxicOf<Type extends ToxicType> {
  readonly type: Type;
  readonly attributes: ToxicAttributes[Type];
  /** Default `downstream`. */
  readonly stream?: Direction;
  /** Share of the connections that the toxic affects, decided once per connection; default 1. */
  readonly toxicity?: number;
}

export type Toxic = { [Type in ToxicType]: ToxicOf<Type> }[ToxicType];

/** Totals since the proxy started. */
export interface Traffic {
  readonly connections: number;
  /** Number of bytes in both directions. */
  readonly bytes: number;
}
