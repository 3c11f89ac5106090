/**
 * The machine during each trial: the delays that it added, its load, and the number of criteria that leave the trial
 * out because of these delays.
 */
import type { MachineView, Report, TrialView } from '../report.ts';
import { formatNumber, formatRatio, oneLine } from '../wording.ts';
import { wrapScrolling } from './chart.ts';
import { html, type Markup } from './markup.ts';

type SampledTrial = TrialView & { readonly machine: MachineView };

interface Column {
  readonly name: string;
  readonly detail: string;
  readonly cell: (machine: MachineView) => string;
}

const COLUMNS: readonly Column[] = [
  { name: 'Timer', detail: 'p99 / max', cell: (m) => pairText(m.timerP99Ms, m.timerMaxMs) },
  { name: 'Generator', detail: 'p99 / max', cell: (m) => pairText(m.latenessP99Ms, m.latenessMaxMs) },
  { name: 'Bare PING', detail: 'p50 / p99', cell: (m) => pairText(m.controlP50Ms, m.controlP99Ms) },
  { name: 'Added by the machine', detail: 'p99', cell: (m) => numberText(m.controlMachineP99Ms) },
  { name: 'Bare fsync', detail: 'max', cell: (m) => numberText(m.diskMaxMs) },
  {
    name: 'Wait for a CPU',
    detail: 'server / client / harness',
    cell: (m) => [m.waitServerMaxMs, m.waitClientMaxMs, m.waitHarnessMaxMs].map(numberText).join(' / '),
  },
  { name: 'Runnable', detail: 'per core', cell: (m) => numberText(m.runnablePerCore) },
  { name: 'Other programs', detail: 'of the CPU time', cell: (m) => ratioText(m.othersRatio) },
  { name: 'Steal', detail: 'of the CPU time', cell: (m) => ratioText(m.stealRatio) },
  { name: 'Left out of', detail: 'criteria', cell: (m) => formatNumber(m.leftOutOf.length) },
];

/** Renders the table; returns null if no trial has samples. */
export function machineTable({ trials }: Report): Markup | null {
  const sampled = trials.filter((trial): trial is SampledTrial => trial.machine !== undefined);
  if (sampled.length === 0) return null;
  const leftOut = sampled.filter(({ machine }) => machine.leftOutOf.length > 0).length;
  const summary =
    leftOut === 0
      ? 'The machine was sound in every trial'
      : `${formatNumber(leftOut)} of ${formatNumber(sampled.length)} trials left out of criteria because the machine was unsound`;
  return html`<h3>Machine during the trials</h3><details><summary>${summary}</summary>${wrapScrolling(
    'Machine during the trials',
    html`<table class="machine cards"><thead><tr><th scope="col">Trial</th>${COLUMNS.map(({ name, detail }) => html`<th scope="col" class="n">${name}<small>${detail}</small></th>`)}</tr></thead><tbody>${sampled.map(renderRow)}</tbody></table>`,
  )}<p class="note">Delays and waits in ms, from samples of a separate thread without access to results. Wait for a CPU: the longest in a window of 100 ms.</p></details>`;
}

function renderRow({ drill, trial, round = 1, machine }: SampledTrial): Markup {
  const name = `${oneLine(drill)} ${formatNumber(trial)}${round > 1 ? ` (round ${formatNumber(round)})` : ''}`;
  const cells = COLUMNS.map(
    (column) => html`<td class="n" data-label="${column.name} ${column.detail}">${column.cell(machine)}</td>`,
  );
  return html`<tr><th scope="row" class="who">${name}</th>${cells}</tr>`;
}

function numberText(value: number | null): string {
  return value === null ? '–' : formatNumber(value);
}

function pairText(first: number | null, second: number | null): string {
  return `${numberText(first)} / ${numberText(second)}`;
}

function ratioText(value: number | null): string {
  return value === null ? '–' : formatRatio(value);
}
