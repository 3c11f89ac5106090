/** Types of the recording and alert rules, and helpers for writing their expressions. Pure. */
import type { EnvironmentConfig } from '../../config/schema.ts';

/**
 * `critical`: clients see errors, or data is at risk; act now. `warning`: a reserve is used up; act today. `info`: an
 * event to be aware of.
 */
export type Severity = 'critical' | 'warning' | 'info';

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

export interface AlertRule {
  readonly alert: string;
  readonly severity: Severity;
  /** PromQL expression; each result is one alert. */
  readonly expr: string;
  /** Number of scrapes for which the expression must hold: at least 2, see `durationOf`. */
  readonly forScrapes: number;
  /** One sentence, with Prometheus templates for labels and values. */
  readonly summary: string;
  /** Name of the section in the runbook. */
  readonly runbook: string;
}

/** Values of one environment that are used to render the rules. */
export interface RuleContext {
  readonly environment: EnvironmentConfig;
  /** Label matchers for every series of this environment, so that one Prometheus can hold the rules for several. */
  readonly select: (metric: string, matchers?: string) => string;
  /** Formats a number of scrapes as a PromQL duration. */
  readonly scrapes: (count: number) => string;
}

/** Aggregation that gives one series per node and drops the exporter's own labels, such as the address of a replica. */
export const PER_NODE = 'by (environment, node)';

/** Window of a rate, in scrapes. A scrape may be lost, and a rate needs at least two samples. */
export const RATE_SCRAPES = 4;

export function contextOf(environment: EnvironmentConfig): RuleContext {
  const own = `environment="${environment.name}"`;
  const { scrapeIntervalSeconds } = environment.observability;
  return {
    environment,
    select: (metric, matchers) => `${metric}{${matchers === undefined ? own : `${own},${matchers}`}}`,
    scrapes: (count) => durationOf(count * scrapeIntervalSeconds),
  };
}

/** Formats seconds as Prometheus does: `45s`, `5m`, `1h`. */
export function durationOf(seconds: number): string {
  if (seconds % 3_600 === 0) return `${seconds / 3_600}h`;
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}
