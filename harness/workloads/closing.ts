/**
 * The closing phase of a client, at the end of every drill. The client writes with each write operation. The trial then
 * replaces the values on the master, and the client reads with each read operation. Values and answers are compared
 * with the data on the nodes, so that a client that answers from its own memory is not mistaken for one that Redis
 * serves, regardless of the source it reports.
 *
 *   closingWrites ─▶ the trial checks the values on the master and plants other ones ─▶ closingReads
 */
import { withTimeout } from '../wait.ts';
import type { Adapter, Encoding } from './adapter.ts';

export interface ClosingKey {
  /** Logical key. */
  readonly name: string;
  /** Physical key. */
  readonly key: string;
  readonly encoding: Encoding;
  readonly value: string;
  /** Set if the write path deletes the value again. */
  readonly isDeleted?: boolean;
}

/** One write path and its result. */
export interface ClosingWrite {
  readonly kind: string;
  readonly keys: readonly ClosingKey[];
  /** The source that the client reported, or the error. */
  readonly answer: string;
}

/** One read path and its results, key by key. */
export interface ClosingRead {
  readonly kind: string;
  readonly names: readonly string[];
  readonly answer: string;
  readonly values: readonly (string | null)[];
}

const BATCH = 3;

/** Writes with each write path; never rejects. */
export function closingWrites(
  adapter: Adapter,
  tag: string,
  boundMs: number,
): Promise<readonly ClosingWrite[]> {
  const keysOf = (kind: string, count: number): readonly ClosingKey[] =>
    Array.from({ length: count }, (_, i) => {
      const name = `closing:${tag}:${kind}:${i}`;
      return {
        ...{ name, key: adapter.physicalKey(name), encoding: adapter.encoding },
        value: `${kind}-${i}`,
      };
    });
  const writeKey = async (
    kind: string,
    count: number,
    send: (keys: readonly ClosingKey[]) => Promise<{ readonly source: string }>,
  ): Promise<ClosingWrite> => {
    const keys = keysOf(kind, count);
    const answer = await withTimeout(kind, send(keys), { boundMs }).then(({ source }) => source, errorName);
    return {
      kind,
      keys: kind === 'delete' ? keys.map((key) => ({ ...key, isDeleted: true })) : keys,
      answer,
    };
  };
  const firstOf = (keys: readonly ClosingKey[]) => keys[0] as ClosingKey;
  const { delete: deleteKey } = adapter;
  return Promise.all([
    writeKey('set', 1, (keys) => adapter.set(firstOf(keys).name, firstOf(keys).value, 'async')),
    writeKey('setMany', BATCH, (keys) =>
      adapter.setMany(new Map(keys.map(({ name, value }) => [name, value]))),
    ),
    ...(deleteKey ? [writeKey('delete', 1, (keys) => setAndDelete(adapter, deleteKey, firstOf(keys)))] : []),
    writeKey('getOrCompute', 1, (keys) =>
      adapter.getOrCompute(firstOf(keys).name, async () => firstOf(keys).value),
    ),
  ]);
}

/** Deletes a key that exists in Redis; returns the answer of the first step that Redis did not serve. */
async function setAndDelete(
  adapter: Adapter,
  deleteKey: NonNullable<Adapter['delete']>,
  { name, value }: ClosingKey,
): Promise<{ readonly source: string }> {
  const stored = await adapter.set(name, value, 'async');
  return stored.source === 'redis' ? deleteKey(name) : stored;
}

/** Reads with each read path; never rejects. */
export function closingReads(
  adapter: Adapter,
  names: readonly string[],
  boundMs: number,
): Promise<readonly ClosingRead[]> {
  const readKey = async (
    kind: string,
    asked: readonly string[],
    send: () => Promise<{ readonly source: string; readonly values: readonly (string | null)[] }>,
  ): Promise<ClosingRead> =>
    withTimeout(kind, send(), { boundMs }).then(
      ({ source, values }) => ({ kind, names: asked, answer: source, values }),
      (error: unknown) => ({ kind, names: asked, answer: errorName(error), values: [] }),
    );
  const oneOperation = (kind: string, name: string, send: () => ReturnType<Adapter['get']>) =>
    readKey(kind, [name], async () => {
      const { source, value = null } = await send();
      return { source, values: [value] };
    });
  const [single = '', computed = ''] = [names[0], names.at(-1)];
  return Promise.all([
    oneOperation('get', single, () => adapter.get(single)),
    readKey('getMany', names, async () => {
      const { source, values = [] } = await adapter.getMany(names);
      return { source, values };
    }),
    oneOperation('getOrCompute', computed, () => adapter.getOrCompute(computed, async () => 'loaded')),
  ]);
}

function errorName(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
