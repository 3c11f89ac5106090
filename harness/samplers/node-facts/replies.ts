/**
 * Sends several commands to one node in one round trip. Replies are independent, so a denied command does not affect
 * other facts.
 */
import { type Redis, ReplyError } from 'ioredis';

export type Command = readonly [string, ...string[]];

export type Reply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: string };

/** Returns the replies. @throws the connection's error, including a command timeout, if the node did not reply */
export async function repliesOf(redis: Redis, commands: readonly Command[]): Promise<readonly Reply[]> {
  const pipeline = redis.pipeline();
  for (const [command, ...args] of commands) pipeline.call(command, ...args);
  const replies = (await pipeline.exec()) ?? [];
  return commands.map((_command, i): Reply => {
    const [error, value] = replies[i] ?? [new Error('no reply'), undefined];
    if (error !== null && !(error instanceof ReplyError)) throw error;
    return error === null ? { ok: true, value } : { ok: false, error: error.message };
  });
}

/** Parses a flat RESP2 list of names and values. */
export function pairsOf(value: unknown): readonly (readonly [string, string])[] {
  const flat = Array.isArray(value) ? value.map(String) : [];
  return flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ''] as const] : []));
}

/** Parses a list of RESP2 lists of names and values, as in SENTINEL REPLICAS. */
export function recordsOf(value: unknown): readonly (readonly (readonly [string, string])[])[] {
  return Array.isArray(value) ? value.map(pairsOf) : [];
}

export function wordsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
