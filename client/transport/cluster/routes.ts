/**
 * Determines the route of a command in a cluster: to the slot of its keys, in parts to several slots, to all masters,
 * or to any master. Pure. The commands of a cache are listed here; for all others, ioredis determines the keys.
 */
import { Command } from 'ioredis';
import type { Argument } from '../commands.ts';
import { slotOf } from './slot.ts';

type Join = (replies: readonly unknown[]) => unknown;

export type Route =
  | { readonly to: 'slot'; readonly slot: number }
  | {
      readonly to: 'slots';
      readonly parts: readonly Part[];
      readonly join: (replies: readonly unknown[]) => unknown;
    }
  | { readonly to: 'all'; readonly join: (replies: readonly unknown[]) => unknown }
  | { readonly to: 'any' };

/** Part of a command for one slot. */
export interface Part {
  readonly slot: number;
  readonly args: readonly Argument[];
}

const FIRST = new Set(
  (
    'GET SET SETNX GETEX GETDEL STRLEN TTL PTTL EXPIRE PEXPIRE PERSIST INCR INCRBY DECR DECRBY APPEND TYPE ' +
    'HGET HSET HGETALL HDEL LPUSH SADD SMEMBERS ZADD'
  ).split(' '),
);
/** Commands whose keys may be in several slots. One command is sent per slot, and the replies are added up. */
const SUMMED = new Set(['DEL', 'UNLINK', 'EXISTS', 'TOUCH']);
const SCRIPTS = new Set(['EVAL', 'EVALSHA', 'FCALL', 'EVAL_RO', 'EVALSHA_RO', 'FCALL_RO']);
/** Commands that operate on the whole data set, or on the state of each master. */
const EVERYWHERE = new Set(['FLUSHALL', 'FLUSHDB', 'FUNCTION', 'SCRIPT', 'PING']);

const first = (replies: readonly unknown[]): unknown => replies[0];
const sum = (replies: readonly unknown[]): number => replies.reduce<number>((all, n) => all + Number(n), 0);

export function routeOf(command: string, args: readonly Argument[]): Route {
  const name = command.toUpperCase();
  if (FIRST.has(name)) return bySlot(args.slice(0, 1));
  if (SCRIPTS.has(name)) return bySlot(args.slice(2, 2 + Number(args[1])));
  if (name === 'MGET') return routeGathered(args);
  if (name === 'MSET') return routeBySlot(pairsOf(args), first);
  if (SUMMED.has(name))
    return routeBySlot(
      args.map((key) => [key]),
      sum,
    );
  if (name === 'DBSIZE') return { to: 'all', join: sum };
  if (EVERYWHERE.has(name)) return { to: 'all', join: first };
  return bySlot(new Command(name, [...args]).getKeys() as Argument[]);
}

/** Returns the route to the slot of all keys. If the keys are in several slots, Redis replies with CROSSSLOT. */
function bySlot(keys: readonly Argument[]): Route {
  const [key] = keys;
  return key === undefined ? { to: 'any' } : { to: 'slot', slot: slotOfKey(key) };
}

const slotOfKey = (key: Argument): number => slotOf(typeof key === 'number' ? String(key) : key);

function pairsOf(args: readonly Argument[]): readonly (readonly Argument[])[] {
  return Array.from({ length: Math.ceil(args.length / 2) }, (_, i) => args.slice(2 * i, 2 * i + 2));
}

function routeBySlot(
  groups: readonly (readonly Argument[])[],
  join: (replies: readonly unknown[]) => unknown,
): Route {
  const parts = new Map<number, Argument[]>();
  for (const group of groups) {
    const slot = slotOfKey(group[0] as Argument);
    const part = parts.get(slot);
    if (part) part.push(...group);
    else parts.set(slot, [...group]);
  }
  const [only] = parts.keys();
  if (only === undefined) return { to: 'any' };
  if (parts.size === 1) return { to: 'slot', slot: only };
  return { to: 'slots', parts: [...parts].map(([slot, args]) => ({ slot, args })), join };
}

/** Returns the route of MGET, whose values are returned in the order of the keys. */
function routeGathered(keys: readonly Argument[]): Route {
  const route = routeBySlot(
    keys.map((key) => [key]),
    first,
  );
  if (route.to !== 'slots') return route;
  const places = new Map<number, number[]>();
  for (const [i, key] of keys.entries()) {
    const slot = slotOfKey(key);
    const place = places.get(slot);
    if (place) place.push(i);
    else places.set(slot, [i]);
  }
  const join = (replies: readonly unknown[]): unknown => {
    const values: unknown[] = new Array(keys.length);
    for (const [part, { slot }] of route.parts.entries()) {
      const reply = replies[part] as readonly unknown[];
      for (const [n, i] of (places.get(slot) as number[]).entries()) values[i] = reply[n];
    }
    return values;
  };
  return { ...route, join };
}

/**
 * Splits a command into one command per key, for a slot that is migrating: its keys are on two nodes, and a command
 * with several of them fails on both. Returns undefined for a single key or a command that cannot be split.
 */
export function splitByKey(
  command: string,
  args: readonly Argument[],
): { readonly parts: readonly (readonly Argument[])[]; readonly join: Join } | undefined {
  const name = command.toUpperCase();
  if (args.length < 2) return undefined;
  const parts = args.map((key) => [key]);
  if (name === 'MGET') return { parts, join: (replies) => replies.flat() };
  return SUMMED.has(name) ? { parts, join: sum } : undefined;
}
