/**
 * One direction of a proxied connection: bytes go from a source to a sink through the current toxics.
 *
 * Chunks pass in order. Toxics are looked up per chunk, so that adding or removing one takes effect on existing
 * connections. Latency counts from a chunk's arrival, so that it delays a stream without reducing its bandwidth; more
 * than `HELD_BYTES` waiting bytes pause the source.
 */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Toxic, ToxicAttributes } from './toxic.ts';

export interface Relay {
  readonly source: Socket;
  readonly sink: Socket;
  /** The current toxics of this direction. */
  readonly toxics: () => readonly Toxic[];
  /** Resolves at the next change to the toxics, or when a connection closes. */
  readonly changed: () => Promise<void>;
  readonly random: () => number;
  /** Called with the number of bytes that were passed on. */
  readonly passed?: (bytes: number) => void;
}

interface Arrival {
  readonly chunk: Buffer;
  readonly atMs: number;
}

const HELD_BYTES = 1024 * 1024;
/** As in Toxiproxy: a bandwidth limit passes data in slices of this duration. */
const BANDWIDTH_SLICE_MS = 100;

/** Passes bytes until the source ends, either side is closed, or a toxic ends the connection. */
export async function relay(given: Relay): Promise<void> {
  const { source, sink } = given;
  const { link, limits } = withChosenToxics(given);
  for await (const { chunk, atMs } of readChunks(source)) {
    if ((await waitWhileBlocked(link)) || sink.destroyed) return;
    await delayUntilDue(link, atMs);
    const room = limits.roomFor(chunk.length);
    await writeSliced(link, chunk.subarray(0, room));
    if (room < chunk.length || limits.areReached()) {
      await close(link);
      source.destroy();
      return;
    }
  }
  await close(link);
}

async function close({ sink, toxics }: Relay): Promise<void> {
  const slow = toxics().find((toxic) => toxic.type === 'slow_close');
  if (slow !== undefined) await sleep(slow.attributes.delay);
  await new Promise<void>((resolve) => (sink.destroyed ? resolve() : sink.end(() => resolve())));
}

/**
 * Returns the toxics chosen for this connection by their toxicity, with the number of bytes that each has let through.
 */
function withChosenToxics(link: Relay) {
  const chosen = new Map<Toxic, boolean>();
  const passed = new Map<Toxic, number>();
  const isChosen = (toxic: Toxic) => {
    const { toxicity = 1 } = toxic;
    const is = chosen.get(toxic) ?? (toxicity >= 1 || link.random() < toxicity);
    chosen.set(toxic, is);
    return is;
  };
  const toxics = () => link.toxics().filter(isChosen);
  const roomOf = (toxic: Toxic) =>
    toxic.type === 'limit_data'
      ? Math.max(0, toxic.attributes.bytes - (passed.get(toxic) ?? 0))
      : Number.POSITIVE_INFINITY;
  return {
    link: { ...link, toxics },
    limits: {
      /** Counts the bytes, and returns how many of them may pass. */
      roomFor(bytes: number): number {
        const active = toxics();
        const room = Math.min(bytes, ...active.map(roomOf));
        for (const toxic of active) passed.set(toxic, (passed.get(toxic) ?? 0) + room);
        return room;
      },
      areReached: () => toxics().some((toxic) => roomOf(toxic) === 0),
    },
  };
}

/** Yields the chunks of the source, each with its arrival time. Ends when the source ends or fails. */
async function* readChunks(source: Socket): AsyncGenerator<Arrival> {
  const waiting: Arrival[] = [];
  let held = 0;
  let ended = source.destroyed;
  let wake: () => void = () => undefined;
  source.on('data', (chunk: Buffer) => {
    waiting.push({ chunk, atMs: performance.now() });
    held += chunk.length;
    if (held > HELD_BYTES) source.pause();
    wake();
  });
  for (const event of ['end', 'close']) {
    source.on(event, () => {
      ended = true;
      wake();
    });
  }
  for (;;) {
    const next = waiting.shift();
    if (next !== undefined) {
      held -= next.chunk.length;
      if (held <= HELD_BYTES) source.resume();
      yield next;
    } else if (ended) {
      return;
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}

/**
 * Blocks all bytes while a `timeout` or `reset_peer` toxic is set.
 *
 * @returns true if the connection was ended, by the toxic or by a peer
 */
async function waitWhileBlocked(link: Relay): Promise<boolean> {
  const sinceMs = performance.now();
  for (;;) {
    const toxic = link.toxics().find(({ type }) => type === 'timeout' || type === 'reset_peer');
    if (toxic?.type !== 'timeout' && toxic?.type !== 'reset_peer') return false;
    if (link.source.destroyed || link.sink.destroyed) return true;
    const { timeout } = toxic.attributes;
    const forever = toxic.type === 'timeout' && timeout === 0;
    const leftMs = forever ? Number.POSITIVE_INFINITY : sinceMs + timeout - performance.now();
    if (leftMs <= 0) {
      for (const socket of [link.source, link.sink]) {
        if (toxic.type === 'reset_peer') socket.resetAndDestroy();
        else socket.destroy();
      }
      return true;
    }
    const timer = new AbortController();
    const elapsed = forever
      ? []
      : [sleep(leftMs, undefined, { signal: timer.signal }).catch(() => undefined)];
    await Promise.race([...elapsed, link.changed()]);
    timer.abort();
  }
}

/** Waits for the latency, which counts from the arrival. */
async function delayUntilDue(link: Relay, atMs: number): Promise<void> {
  let untilMs = atMs;
  for (const { type, attributes } of link.toxics()) {
    if (type === 'latency') {
      untilMs += attributes.latency + (2 * link.random() - 1) * (attributes.jitter ?? 0);
    }
  }
  const ms = untilMs - performance.now();
  if (ms > 0) await sleep(ms);
}

/**
 * Writes the chunk: immediately, or in slices while a `slicer` or `bandwidth` toxic is set. Toxics are looked up per
 * slice, so that a removed toxic does not delay the rest of a large chunk.
 */
async function writeSliced(link: Relay, chunk: Buffer): Promise<void> {
  for (let rest = chunk; rest.length > 0 && !link.sink.destroyed; ) {
    const toxics = link.toxics();
    const slicer = toxics.find((toxic) => toxic.type === 'slicer');
    const rate = Math.min(
      Number.POSITIVE_INFINITY,
      ...toxics.flatMap((toxic) => (toxic.type === 'bandwidth' ? [toxic.attributes.rate] : [])),
    );
    // One KB/s is one byte per ms.
    const narrowed = Math.max(1, rate * BANDWIDTH_SLICE_MS);
    const slice = rest.subarray(
      0,
      Math.min(narrowed, slicer ? sliceSize(slicer.attributes, link.random) : narrowed),
    );
    rest = rest.subarray(slice.length);
    if (rate < Number.POSITIVE_INFINITY) await sleep(slice.length / rate);
    if (link.sink.destroyed) return;
    link.passed?.(slice.length);
    await writeChunk(link.sink, slice);
    const delayUs = slicer?.attributes.delay ?? 0;
    if (delayUs > 0) await sleep(delayUs / 1_000);
  }
}

function sliceSize(
  { average_size: average, size_variation: variation = 0 }: ToxicAttributes['slicer'],
  random: () => number,
): number {
  return Math.max(1, Math.round(average + (2 * random() - 1) * variation));
}

/** Resolves when the bytes have been sent or the sink is closed: the sink's own `close` ends the connection. */
function writeChunk(sink: Socket, chunk: Buffer): Promise<void> {
  return new Promise((resolve) => sink.write(chunk, () => resolve()));
}
