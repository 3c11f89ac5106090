/** Renders the record of a run as Markdown: goals first, then the measurements of each scenario. */
import type { Outcome } from './scenario.ts';

export interface BenchRecord {
  readonly at: string;
  readonly commit: string;
  readonly effort: number;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly node: string;
    readonly loadBefore: number;
  };
  readonly peers: Readonly<Record<string, string>>;
  readonly scenarios: readonly (Outcome & { readonly id: string; readonly title: string })[];
}

export function markdown({ at, commit, effort, machine, peers, scenarios }: BenchRecord): string {
  const goals = scenarios.flatMap((scenario) => scenario.goals);
  const figure = (n: number): string => (n >= 100 ? n.toFixed(0) : n.toFixed(2));
  const lines = [
    '# Client benchmarks',
    '',
    `\`npm run bench -- client --effort ${effort} --save docs/results\`, ${at}, commit ${commit}; ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load ${machine.loadBefore} before the run.`,
    `Peers: ${Object.entries(peers)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
    'Ratios are medians over rounds. Each round measures all clients in turn.',
    '',
    `## Goals: ${goals.filter(({ held }) => held).length} of ${goals.length} met`,
    '',
    '| goal | measured | met |',
    '|---|---|---|',
    ...goals.map(({ asks, measured, held }) => `| ${asks} | ${measured} | ${held ? 'yes' : '**no**'} |`),
  ];
  for (const { id, title, unit, rows, notes = [] } of scenarios) {
    lines.push('', `## ${id}: ${title}`, '', `| | median, ${unit} | best | ratio |`, '|---|---|---|---|');
    lines.push(
      ...rows.map(
        ({ name, median, best, ratio }) =>
          `| ${name} | ${figure(median)} | ${figure(best)} | ${ratio.toFixed(2)} |`,
      ),
    );
    for (const note of notes) lines.push('', note);
  }
  return `${lines.join('\n')}\n`;
}
