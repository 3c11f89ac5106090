/** Checks the shape of a client and of a workload from another repository, before a thread runs it. */
import { ALL_TOPOLOGIES } from '../drills/clients.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Describes the first malformed field of a client; undefined if there is none. */
export function clientProblem({ topologies, version }: Fields): string | undefined {
  const allowed: readonly unknown[] = ALL_TOPOLOGIES;
  const isList =
    Array.isArray(topologies) && topologies.length > 0 && topologies.every((each) => allowed.includes(each));
  if (topologies !== undefined && !isList)
    return `topologies must be a non-empty list of ${ALL_TOPOLOGIES.join(', ')}`;
  if (version !== undefined && typeof version !== 'string') return 'version must be a string';
  return undefined;
}

/** Describes the first malformed field of a workload; undefined if there is none. */
export function workloadProblem({ kind, defaults, finalRead, prepare }: Fields): string | undefined {
  if (kind === 'scripted') return undefined;
  if (kind !== 'generated')
    return `kind must be 'scripted' (defineScript) or 'generated' (defineWorkload), got '${kind}'`;
  const isObject = typeof defaults === 'object' && defaults !== null;
  if (!isObject || !Object.values(defaults).every(Number.isFinite))
    return 'defaults must be an object that names every parameter with its number';
  if (typeof finalRead !== 'boolean')
    return 'finalRead must be true or false: whether the nodes are read for every written key after the trial';
  if (prepare !== undefined && typeof prepare !== 'function') return 'prepare must be a function';
  return undefined;
}
