/**
 * `error`: the server does not start, never fails over, or stands open. `warning`: it will hurt one day. `info`: worth
 * knowing.
 */
export type Severity = 'error' | 'warning' | 'info';

export interface Finding {
  /** 1-based; 0 where the fault is that something is not there. */
  readonly line: number;
  readonly directive: string;
  readonly severity: Severity;
  /** Whether no server that the file is for starts with it. */
  readonly refusesStart: boolean;
  readonly reason: string;
  /** Where the reason comes from: Redis's documents or source, an issue, a measurement of the kit. */
  readonly source: string;
  readonly remedy: string;
}

/** Where a finding stands: the last line of a directive, or line 0 where it is missing. */
export interface Place {
  readonly line: number;
  readonly directive: string;
}

/** One row of a table of rules. */
export function finding(
  severity: Severity,
  place: Place,
  reason: string,
  source: string,
  remedy: string,
): Finding {
  return {
    line: place.line,
    directive: place.directive,
    severity,
    refusesStart: false,
    reason,
    source,
    remedy,
  };
}
