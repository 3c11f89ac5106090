/**
 * Runs k6 as a program: one scenario, in one process or in several that each run a segment. A run on several machines
 * is split in the same way, see docs/load.md.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IS_BUILT, MODULE_ENDING } from '../../../config/installation.ts';
import { findProgram, runProgram } from '../../../infra/host/process.ts';

export const SCENARIOS = ['smoke', 'load', 'stress', 'spike', 'soak'] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** Figures for one k6 process, from its summary. */
export interface SegmentResult {
  /** Segment of the scenario, such as `0:1/2`; `0:1` for the complete scenario. */
  readonly segment: string;
  /** Exit code of k6: 0 if all thresholds held, 99 if at least one did not. */
  readonly exitCode: number;
  readonly requests: number;
  readonly failed: number;
  readonly dropped: number;
  readonly checksPassed: number;
  readonly checksFailed: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Names of the thresholds that did not hold. */
  readonly missed: string;
}

/** Folder of the Go module that pins the k6 version, with the output option that puts k6 in `node_modules/.bin`. */
const BUILD = IS_BUILT
  ? 'node_modules/redis-cache-kit/dist/tools/k6 -o ../../../../.bin/k6'
  : 'tools/k6 -o ../../node_modules/.bin/k6';
const BUILD_HINT = `build it with \`go build -C ${BUILD} go.k6.io/k6/v2\` (Go 1.26) and run the kit with npm or npx, or install k6 2 on the path`;
const LEAST_MAJOR = 2;

export type FoundK6 =
  | { readonly kind: 'found'; readonly path: string; readonly version: string }
  | { readonly kind: 'none'; readonly reason: string };

/** Finds k6 in PATH, in a version that runs TypeScript directly. */
export async function findK6(signal?: AbortSignal): Promise<FoundK6> {
  const path = await findProgram('k6');
  if (path === undefined) return { kind: 'none', reason: `k6 is not installed: ${BUILD_HINT}` };
  const asked = { command: path, args: ['version'], timeoutMs: 20_000 };
  const { stdout } = await runProgram(signal === undefined ? asked : { ...asked, signal });
  const [, version = '0.0.0', major = '0'] = /v((\d+)\.\d+\.\d+)/.exec(stdout) ?? [];
  if (Number(major) >= LEAST_MAJOR) return { kind: 'found', path, version };
  return {
    kind: 'none',
    reason: `k6 ${version} in PATH is too old; at least 2.0.0 is needed: ${BUILD_HINT}`,
  };
}

export interface K6Request {
  readonly path: string;
  readonly scenario: Scenario;
  readonly url: string;
  /** Number of processes that share the scenario. */
  readonly segments: number;
  /** Rate per second and duration of the scenario; 0 for the scenario's own values. */
  readonly perSecond: number;
  readonly seconds: number;
  /** Number of items that the requests refer to. */
  readonly catalogue: number;
  readonly timeoutMs: number;
  /** Returns the path of an artifact of the trial: the summary and the dashboard of each process. */
  readonly artifactPath: (name: string) => string;
  readonly signal: AbortSignal;
}

/**
 * Runs all segments at the same time.
 * @throws KitError if k6 does not end, or ends without a summary
 */
export function runK6(request: K6Request): Promise<readonly SegmentResult[]> {
  const bounds = segmentBounds(request.segments);
  return Promise.all(
    Array.from({ length: request.segments }, (_, i) =>
      runSegment(request, `${bounds[i]}:${bounds[i + 1]}`, bounds.join(','), i + 1),
    ),
  );
}

/** Returns the bounds of the segments: `0, 1/3, 2/3, 1` for three. */
export function segmentBounds(segments: number): readonly string[] {
  return Array.from({ length: segments + 1 }, (_, i) =>
    i === 0 ? '0' : i === segments ? '1' : `${i}/${segments}`,
  );
}

async function runSegment(
  request: K6Request,
  segment: string,
  sequence: string,
  number: number,
): Promise<SegmentResult> {
  const { path, scenario, url, segments, perSecond, seconds, catalogue } = request;
  const { artifactPath, timeoutMs, signal } = request;
  const name = `k6-${scenario}-${number}`;
  const summary = artifactPath(`${name}.json`);
  const split = ['--execution-segment', segment, '--execution-segment-sequence', sequence];
  const { exitCode, stderr } = await runProgram({
    command: path,
    args: [
      ...['run', '--quiet', '--no-color', '--address', '', ...(segments > 1 ? split : [])],
      join(import.meta.dirname, 'scenarios', `${scenario}${MODULE_ENDING}`),
    ],
    env: {
      ...{ KIT_BASE_URL: url, KIT_SUMMARY: summary, KIT_CATALOGUE: String(catalogue) },
      ...(perSecond > 0 && { KIT_RATE: String(perSecond) }),
      ...(seconds > 0 && { KIT_SECONDS: String(seconds) }),
      ...{ K6_NO_USAGE_REPORT: 'true', K6_AUTO_EXTENSION_RESOLUTION: 'false' },
      ...{ K6_WEB_DASHBOARD: 'true', K6_WEB_DASHBOARD_PORT: '-1' },
      K6_WEB_DASHBOARD_EXPORT: artifactPath(`${name}.html`),
    },
    ...{ timeoutMs, signal },
  });
  if (!existsSync(summary))
    throw new Error(`k6 ended with code ${exitCode} without a summary: ${stderr.slice(-500)}`);
  return readSummary(readFileSync(summary, 'utf8'), segment, exitCode ?? -1);
}

interface Metric {
  readonly values?: Readonly<Record<string, number>>;
  readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>;
}

/** Reads the numbers in a summary that the `handleSummary` function of the scenarios wrote. */
export function readSummary(text: string, segment: string, exitCode: number): SegmentResult {
  const { metrics = {} } = JSON.parse(text) as { readonly metrics?: Readonly<Record<string, Metric>> };
  const metricValue = (metric: string, name: string) => metrics[metric]?.values?.[name] ?? 0;
  const missed = Object.entries(metrics).flatMap(([name, { thresholds = {} }]) =>
    Object.entries(thresholds).flatMap(([bound, { ok }]) => (ok ? [] : [`${name} ${bound}`])),
  );
  const requests = metricValue('http_reqs', 'count');
  return {
    ...{ segment, exitCode, requests },
    // `http_req_failed` is the rate of failed requests: its "passes" are failures.
    failed: metricValue('http_req_failed', 'passes'),
    dropped: metricValue('dropped_iterations', 'count'),
    ...{ checksPassed: metricValue('checks', 'passes'), checksFailed: metricValue('checks', 'fails') },
    ...{ p95Ms: metricValue('http_req_duration', 'p(95)'), p99Ms: metricValue('http_req_duration', 'p(99)') },
    ...{ maxMs: metricValue('http_req_duration', 'max'), missed: missed.join('; ') },
  };
}
