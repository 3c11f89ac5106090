/**
 * The closing phase of a trial: each client writes and reads again, and its data is compared with the data read
 * directly from the master. The phase is repeated until all values match or the time limit is reached, because a client
 * may need time after the faults are healed; this time is recorded.
 *
 * There is one `closing` observation per client and round; the last one counts (`checkers/liveness.ts`).
 */
import { ReplyError } from 'ioredis';
import { encodeEnvelope } from '../../client/envelope.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import type { Clock } from '../history/clock.ts';
import type { Recorder } from '../history/recorder.ts';
import { pause, waitUntil } from '../wait.ts';
import type { ClosingKey, ClosingRead, ClosingWrite } from '../workloads/closing.ts';
import { awaitMasterWithKey, masterWithKey } from './current-masters.ts';
import { rawValueOf } from './final-read.ts';
import { onNode } from './on-node.ts';

/** A client at the end of its trial, regardless of where it runs. */
export interface ClosingClient {
  readonly client: string;
  /** Name of the cache, if one drill has several. */
  readonly subject: string;
  write(round: number): Promise<readonly ClosingWrite[]>;
  read(names: readonly string[]): Promise<readonly ClosingRead[]>;
}

export interface ClosingContext {
  readonly environment: Environment;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Time limit, in ms, within which Redis must serve the client again, counted from the end of the script or from the
 * time at which the topology has settled. A reconnect takes up to 1 s, and a probe half-opens an open breaker within
 * 0.5 s; the rest is a margin for a busy machine, on which a client may again suspect a hang.
 */
const CLOSING_BOUND_MS = 15_000;
/** Time limit, in ms, for a loaded value to be stored, which happens in the background. */
const STORED_BOUND_MS = 500;
const PLANTED_TTL_SECONDS = 60;
const AGAIN_AFTER_MS = 100;

/** Runs rounds until the client is served or its time limit is reached; returns the physical keys that were written. */
export async function closeClient(
  closing: ClosingClient,
  context: ClosingContext,
): Promise<readonly ClosingKey[]> {
  const { clock, recorder, signal } = context;
  const startedUs = clock.nowUs();
  const written: ClosingKey[] = [];
  for (let round = 1; ; round++) {
    const writes = await closing.write(round);
    const keys = writes.flatMap((write) => write.keys);
    written.push(...keys);
    const held = await valuesHeld(context, keys);
    const { planted, rejection } = await plantValues(context, keys);
    // A read proves something only if its value is on the master and nowhere else.
    const reads = rejection === undefined ? await closing.read(keys.map(({ name }) => name)) : [];
    const troubles = [
      ...(rejection === undefined ? [] : [`the master rejects values of the drill: ${rejection}`]),
      ...writes.flatMap((write) => problemsOfWrite(write, held)),
      ...reads.flatMap((read) => problemsOfRead(read, planted)),
    ];
    const tookMs = (clock.nowUs() - startedUs) / 1_000;
    recorder.record({
      type: 'observe',
      from: 'workload',
      name: 'closing',
      client: closing.client,
      atUs: clock.nowUs(),
      data: {
        subject: closing.subject,
        round,
        tookMs,
        writes: writes.length,
        reads: reads.length,
        troubles: troubles.length,
        trouble: troubles.slice(0, 3).join('; '),
      },
    });
    if (troubles.length === 0 || tookMs > CLOSING_BOUND_MS) return written;
    await pause(AGAIN_AFTER_MS, signal);
  }
}

/** Returns the values of the keys on their master; waits for a write that is still in flight. */
async function valuesHeld(
  { environment, signal }: ClosingContext,
  keys: readonly ClosingKey[],
): Promise<ReadonlyMap<string, string | null>> {
  const readClosingKey = async ({ key, encoding }: ClosingKey) => {
    const { id } = await masterWithKey(environment, key);
    return rawValueOf(await (await environment.admin(id)).getBuffer(key), encoding);
  };
  const held = new Map<string, string | null>();
  await Promise.all(
    keys.map(async (key) => {
      const wait = { boundMs: STORED_BOUND_MS, signal };
      const isHeld = async () => {
        held.set(key.key, await readClosingKey(key));
        return isAsWritten(key, held);
      };
      await waitUntil(`${key.key} on its master`, isHeld, wait).catch(() => signal.throwIfAborted());
    }),
  );
  return held;
}

/**
 * Replaces the values on the master, so that only a read that Redis serves returns the new values. Returns them by
 * logical key. `rejection` is the error with which the master rejects writes, for example because its memory is full.
 */
async function plantValues(
  { environment, signal }: ClosingContext,
  keys: readonly ClosingKey[],
): Promise<{ readonly planted: ReadonlyMap<string, string>; readonly rejection?: string }> {
  const planted = new Map(keys.map(({ name, value }) => [name, `planted ${value}`]));
  const stored = await Promise.allSettled(
    keys.map(async ({ name, key, encoding }) => {
      const value = planted.get(name) ?? '';
      const { id } = await awaitMasterWithKey(environment, key, signal);
      const bytes = encoding === 'raw' ? value : encodeEnvelope(value);
      await onNode(environment, id, (redis) => redis.set(key, bytes, 'EX', PLANTED_TTL_SECONDS), signal);
    }),
  );
  const failed = stored.find((result) => result.status === 'rejected');
  if (failed === undefined) return { planted };
  if (!(failed.reason instanceof ReplyError)) throw failed.reason;
  return { planted, rejection: failed.reason.message };
}

function problemsOfWrite(
  { kind, keys, answer }: ClosingWrite,
  held: ReadonlyMap<string, string | null>,
): readonly string[] {
  // A value that the loader returned is also stored.
  if (answer !== 'redis' && !(kind === 'getOrCompute' && answer === 'loader')) return [`${kind}: ${answer}`];
  const wrong = keys.filter((key) => !isAsWritten(key, held));
  const found = kind === 'delete' ? 'still' : 'not';
  return wrong.length === 0
    ? []
    : [`${kind}: acknowledged, but ${wrong.length} of ${keys.length} keys are ${found} on the master`];
}

/** Whether the master has the value that was written, or nothing if it was deleted. */
function isAsWritten(
  { key, value, isDeleted = false }: ClosingKey,
  held: ReadonlyMap<string, string | null>,
): boolean {
  return held.get(key) === (isDeleted ? null : value);
}

function problemsOfRead(
  { kind, names, answer, values }: ClosingRead,
  planted: ReadonlyMap<string, string>,
): readonly string[] {
  if (answer !== 'redis' && answer !== 'l1') return [`${kind}: ${answer}`];
  const stale = names.filter((name, i) => values[i] !== planted.get(name));
  return stale.length === 0
    ? []
    : [
        `${kind}: ${stale.length} of ${names.length} keys were not read from the master, answered by ${answer}`,
      ];
}
