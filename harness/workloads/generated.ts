/**
 * A generated workload: code that sends operations through one client's adapter, in its own thread (`worker.ts`),
 * started and stopped by messages (`protocol.ts`). The workload does not depend on faults.
 */
import type { Durability } from '../../config/schema.ts';
import type { Clock } from '../history/clock.ts';
import type { HistoryEvent } from '../history/events.ts';
import type { Adapter } from './adapter.ts';
import type { ClientModule } from './client-module.ts';
import type { Issuer } from './issuer.ts';
import type { Parameters, Resolved } from './parameters.ts';
import type { Random } from './random.ts';

export interface GeneratorContext<P extends Parameters = Parameters> {
  readonly adapter: Adapter;
  /** The client that is judged, as a module. */
  readonly client: ClientModule;
  readonly clock: Clock;
  readonly issuer: Issuer;
  readonly random: Random;
  readonly parameters: P;
  /** Durability of durable writes in the environment. */
  readonly durableWrites: Durability;
  /** Tag that is unique to the trial and the client; the middle part of every key. */
  readonly tag: string;
  /** Start of the open loop's schedule. */
  readonly startUs: number;
  readonly stopped: AbortSignal;
  readonly record: (event: HistoryEvent) => void;
}

export interface GeneratedWorkload {
  readonly kind: 'generated';
  readonly name: string;
  /** Every parameter with its default value. */
  readonly defaults: Parameters;
  /** Whether every written key is read directly from the nodes after the trial. */
  readonly finalRead: boolean;
  /** Runs before the schedule begins, for example to warm the cache. */
  prepare?(context: GeneratorContext): Promise<void>;
  /** Resolves when the workload is complete, or soon after `stopped`. */
  run(context: GeneratorContext): Promise<void>;
}

/** Defines a generated workload whose code reads its parameters by name. */
export function defineWorkload<const P extends Parameters>(
  workload: Pick<GeneratedWorkload, 'name' | 'finalRead'> & {
    readonly defaults: P;
    prepare?(context: GeneratorContext<Resolved<P>>): Promise<void>;
    run(context: GeneratorContext<Resolved<P>>): Promise<void>;
  },
): GeneratedWorkload {
  return { kind: 'generated', ...workload };
}

/** Records a mark of the workload, such as a phase, a window or a size. */
export function markWindow(
  context: GeneratorContext,
  name: string,
  data: Readonly<Record<string, string | number | boolean>>,
): void {
  const { adapter, clock } = context;
  context.record({
    type: 'observe',
    from: 'workload',
    name,
    client: adapter.client,
    atUs: clock.nowUs(),
    data,
  });
}
