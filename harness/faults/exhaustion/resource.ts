/**
 * Types that describe an exhausted server resource, shared by the process that exhausts it and the process that starts
 * it.
 */
import type { Redis } from 'ioredis';
import type { DataFolder } from '../../../infra/substrates/environment.ts';

/** Connection details of an admin user, as plain data that can be passed to another process. */
export interface Access {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** PEM text of the CA, if the node uses TLS. */
  readonly ca?: string;
  /** Folder of the node's data, if a volume may be mounted over it. */
  readonly dataFolder?: DataFolder;
}

/** Server resources that can be exhausted, each with its file. */
export type ResourceName = 'connections' | 'memory' | 'disk';

export interface Exhaustion {
  /** Observed effect, for the history. */
  readonly detail: string;
  /** Restores the limit and frees the resource. */
  restore(): Promise<void>;
}

/**
 * Exhausts a server resource. Returns once the effect has been observed; restores the resource if no effect is
 * observed.
 */
export type Exhaust = (admin: Redis, access: Access) => Promise<Exhaustion>;

/** Lowers a server limit; returns a function that restores it. */
export async function lowerLimit(
  admin: Redis,
  directive: string,
  value: number,
): Promise<() => Promise<void>> {
  const [, before] = (await admin.config('GET', directive)) as string[];
  if (before === undefined) throw new Error(`the server has no ${directive}`);
  await admin.config('SET', directive, String(value));
  return async () => void (await admin.config('SET', directive, before));
}
