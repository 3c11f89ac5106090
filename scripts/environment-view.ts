/** A running environment as `kit up` and `kit status` show it: facts for programs, a table for people. No secrets. */
import type { Shard } from '../infra/cluster.ts';
import type { Environment } from '../infra/environment.ts';

export interface EnvironmentView {
  readonly environment: string;
  readonly running: true;
  /** All nodes run and one Redis is master; of a cluster: every slot is served and every master has its replicas. */
  readonly healthy: boolean;
  /** The one master; null where there is none, and in a cluster. */
  readonly master: string | null;
  /** Of a cluster: who serves which slots. */
  readonly shards?: readonly Shard[];
  readonly nodes: readonly {
    readonly id: string;
    readonly address: string;
    readonly state: string;
    readonly pid: number | null;
    readonly log: string | null;
  }[];
  readonly departures: readonly string[];
}

export async function environmentView(environment: Environment): Promise<EnvironmentView> {
  const [nodes, master, shards] = await Promise.all([
    environment.status(),
    environment.masterId(),
    environment.cluster?.shards(),
  ]);
  const whole =
    environment.cluster === undefined
      ? master !== undefined
      : (await environment.cluster.missing().catch(String)) === undefined;
  return {
    environment: environment.name,
    running: true,
    healthy: whole && nodes.every(({ state }) => state === 'running'),
    master: master ?? null,
    ...(shards && { shards }),
    nodes: nodes.map(({ id, address, state, pid }) => ({
      id,
      address: `${address.host}:${address.port}`,
      state,
      pid: pid ?? null,
      log: environment.logs.get(id) ?? null,
    })),
    departures: environment.departures,
  };
}

function roleOf({ master, shards = [] }: EnvironmentView, id: string): readonly string[] {
  if (id === master) return ['master'];
  const own = shards.find((shard) => shard.master === id);
  if (own !== undefined) return [`master of ${own.slots.map((range) => range.join('-')).join(' ')}`];
  const followed = shards.find(({ replicas }) => replicas.includes(id));
  return followed === undefined ? [] : [`replica of ${followed.master}`];
}

export function environmentText(view: EnvironmentView): string {
  const rows = view.nodes.map(({ id, address, state, pid }) => [
    id,
    address,
    [state, ...roleOf(view, id)].join(', '),
    pid === null ? '' : `pid ${pid}`,
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const table = rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const head = `${view.environment}: ${view.healthy ? 'healthy' : 'NOT healthy'}`;
  return [head, ...table, ...view.departures.map((departure) => `departure: ${departure}`)].join('\n');
}
