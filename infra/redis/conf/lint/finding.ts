/**
 * `error`: the server does not start, never fails over, or is open to everyone. `warning`: the setting will eventually
 * cause harm. `info`: a recommendation.
 */
export type Severity = 'error' | 'warning' | 'info';

export interface Finding {
  /** Line number, from 1; 0 for a missing directive. */
  readonly line: number;
  readonly directive: string;
  readonly severity: Severity;
  /** Whether every target server refuses to start with the line. */
  readonly refusesStart: boolean;
  readonly reason: string;
  /** Source of the reason: the Redis documentation or source code, an issue, or a measurement by the kit. */
  readonly source: string;
  readonly remedy: string;
}

/** Location of a finding: the last line of a directive, or line 0 if it is missing. */
export interface Place {
  readonly line: number;
  readonly directive: string;
}

/** Creates a finding from a row of a rule table. */
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
