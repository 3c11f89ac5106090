/**
 * One direction of a proxied connection: bytes go from a source to a sink through the current toxics.
 *
 * Chunks pass in order. Toxics are looked up per chunk, so that adding or removing one takes effect on existing
 * connections. Latency counts from a chunk's arrival, so that it delays a stream without narrowing it; more than
 * `HELD_BYTES` waiting bytes pause the source.
 */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Toxic } from './toxic.ts';

export interface Relay {
  readonly source: Socket;
  readonly sink: Socket;
  /** The toxics of this direction, at this moment. */
  readonly toxics: () => readonly Toxic[];
  /** Resolves at the next change of the toxics, or when a connection closes. */
  readonly changed: () => Promise<void>;
  readonly random: () => number;
  /** Called with the number of passed bytes. */
  readonly passed?: (bytes: number) => void;
}

interface Arrival {
  readonly chunk: Buffer;
  readonly atMs: number;
}

const HELD_BYTES = 1024 * 1024;

/** Passes bytes until the source ends, either side is closed, or a toxic ends the connection. */
export async function relay(link: Relay): Promise<void> {
  const { source, sink } = link;
  let passed = 0;
  for await (const { chunk, atMs } of readChunks(source)) {
    if ((await waitWhileBlocked(link)) || sink.destroyed) return;
    await delayUntilDue(link, chunk.length, atMs);
    const room = limitOf(link.toxics()) - passed;
    if (!sink.destroyed) {
      const part = room < chunk.length ? chunk.subarray(0, Math.max(0, room)) : chunk;
      link.passed?.(part.length);
      await writeChunk(sink, part);
    }
    passed += chunk.length;
    if (room <= chunk.length) {
      sink.end(() => source.destroy());
      return;
    }
  }
  const slow = link.toxics().find((toxic) => toxic.type === 'slow_close');
  if (slow !== undefined) await sleep(slow.delayMs);
  sink.end();
}

/** Chunks of the source, each with its arrival time. Ends when the source ends or fails. */
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
 * @returns true when the connection was ended, by the toxic or by a peer
 */
async function waitWhileBlocked(link: Relay): Promise<boolean> {
  const sinceMs = performance.now();
  for (;;) {
    const toxic = link.toxics().find(({ type }) => type === 'timeout' || type === 'reset_peer');
    if (toxic === undefined || !('timeoutMs' in toxic)) return false;
    if (link.source.destroyed || link.sink.destroyed) return true;
    const forever = toxic.type === 'timeout' && toxic.timeoutMs === 0;
    const leftMs = forever ? Number.POSITIVE_INFINITY : sinceMs + toxic.timeoutMs - performance.now();
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

/** Waits for the latency (from the arrival) and the bandwidth. */
async function delayUntilDue(link: Relay, bytes: number, atMs: number): Promise<void> {
  let untilMs = atMs;
  let narrowedMs = 0;
  for (const toxic of link.toxics()) {
    if (toxic.type === 'latency') {
      untilMs += toxic.latencyMs + (2 * link.random() - 1) * (toxic.jitterMs ?? 0);
    }
    if (toxic.type === 'bandwidth') narrowedMs += bytes / toxic.kilobytesPerSecond;
  }
  const ms = Math.max(0, untilMs - performance.now()) + narrowedMs;
  if (ms > 0) await sleep(ms);
}

function limitOf(toxics: readonly Toxic[]): number {
  const limits = toxics.flatMap((toxic) => (toxic.type === 'limit_data' ? [toxic.bytes] : []));
  return Math.min(Number.POSITIVE_INFINITY, ...limits);
}

/** Resolves when the bytes are on their way or the sink is gone: its own `close` ends the connection. */
function writeChunk(sink: Socket, chunk: Buffer): Promise<void> {
  return new Promise((resolve) => sink.write(chunk, () => resolve()));
}
