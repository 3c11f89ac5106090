/** A running environment as `kit up` and `kit status` show it: facts for programs, a table for people. No secrets. */
import type { Environment } from '../infra/environment.ts';

export interface EnvironmentView {
  readonly environment: string;
  readonly running: true;
  /** All nodes run and one Redis is master. */
  readonly healthy: boolean;
  readonly master: string | null;
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
  const [nodes, master] = await Promise.all([environment.status(), environment.masterId()]);
  return {
    environment: environment.name,
    running: true,
    healthy: master !== undefined && nodes.every(({ state }) => state === 'running'),
    master: master ?? null,
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

export function environmentText(view: EnvironmentView): string {
  const rows = view.nodes.map(({ id, address, state, pid }) => [
    id,
    address,
    id === view.master ? `${state}, master` : state,
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
