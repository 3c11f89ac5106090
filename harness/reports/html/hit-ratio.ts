/** The hit ratio of a load: per bin, and cumulative. */
import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import type { Criterion } from '../../gates/gate.ts';
import type { TimelineBin, TrialView } from '../report.ts';
import { formatNumber, formatRatio, formatTarget, oneLine, workloadsOf } from '../wording.ts';
import { horizontalGrid, INNER_RIGHT, PANEL, renderDrawing, roundCoordinate, timeAxis } from './chart.ts';
import { html, type Markup } from './markup.ts';
import { endOf } from './timeline.ts';

const TOP = 26;
const BOTTOM = 132;

/** Returns the criterion whose target is drawn. The drawn ratio counts all reads. */
function targetOf(criteria: readonly Criterion[], drill: string): Criterion | undefined {
  return criteria.find(
    (criterion) =>
      criterion.unit === 'ratio' &&
      criterion.state !== 'OUT_OF_SCOPE' &&
      workloadsOf(criterion).includes(drill) &&
      criterion.scope.sli.startsWith('hit-ratio.overall'),
  );
}

interface Share {
  readonly tMs: number;
  readonly now: number | null;
  readonly soFar: number | null;
}

function hitShares(bins: readonly TimelineBin[]): readonly Share[] {
  let hits = 0;
  let reads = 0;
  return bins.map((bin) => {
    const here = bin.hits + bin.misses;
    hits += bin.hits;
    reads += here;
    return {
      tMs: bin.tMs,
      now: here === 0 ? null : bin.hits / here,
      soFar: reads === 0 ? null : hits / reads,
    };
  });
}

export function hitRatio(
  trial: TrialView,
  bins: readonly TimelineBin[],
  criteria: readonly Criterion[],
  id: string,
): Markup {
  const x = scaleLinear([0, endOf(trial)], [PANEL.left, INNER_RIGHT]);
  const y = scaleLinear([0, 1], [BOTTOM, TOP]);
  const points = hitShares(bins);
  const final = points.findLast(({ soFar }) => soFar !== null)?.soFar ?? 0;
  const limit = targetOf(criteria, trial.drill);
  const path = (value: (point: Share) => number | null) =>
    line<Share>()
      .defined((point) => value(point) !== null)
      .x((point) => x(point.tMs + trial.binMs / 2))
      .y((point) => y(value(point) ?? 0))
      .digits(1)(points) ?? '';
  return renderDrawing(
    id,
    BOTTOM + 24,
    `${oneLine(trial.drill)}, hit ratio over time`,
    `Hits over reads, per bin of ${formatNumber(trial.binMs)} ms and cumulative. At the end ${formatRatio(final)}.`,
    html`<text class="name" x="${PANEL.left}" y="13">hit ratio <tspan class="when">cumulative, and per bin</tspan></text>`,
    horizontalGrid(y, [0, 0.5, 1], (value) => formatRatio(value)),
    limit !== undefined &&
      html`<line class="target" x1="${PANEL.left}" x2="${INNER_RIGHT}" y1="${roundCoordinate(y(limit.target.value))}" y2="${roundCoordinate(y(limit.target.value))}"/><text class="target halo" x="${INNER_RIGHT - 4}" y="${roundCoordinate(y(limit.target.value)) + 14}" text-anchor="end">${formatTarget(limit)}</text>`,
    html`<path class="line p50 thin" d="${path((point) => point.now)}"/><path class="line p99" d="${path((point) => point.soFar)}"/><text class="label p99" x="${INNER_RIGHT + 5}" y="${roundCoordinate(y(final) + 4)}">${formatRatio(final)}</text>`,
    timeAxis(x, BOTTOM),
  );
}
