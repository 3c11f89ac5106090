/**
 * A gate is a requirement on the evidence; a criterion is its result. Gates are YAML (`config/gates.yaml`);
 * `report.json` contains the criteria. This file contains only types; the evaluation is in `evaluate.ts`, the verdict
 * in `verdict.ts`.
 */
export type CriterionState =
  | 'PASS'
  | 'FAIL'
  | 'INSUFFICIENT'
  | 'INVALID'
  | 'NOT_MEASURED'
  | 'WAIVED'
  | 'OUT_OF_SCOPE';

export interface EvidenceRef {
  /** Path relative to the run folder. */
  readonly path: string;
  readonly sha256: string;
}

/** A bound for a claim (profile `full`), with its method. */
export interface Bound {
  readonly kind: 'upper' | 'lower';
  readonly value: number;
  readonly confidence: number;
  /** Method: `clopper-pearson`, `order-statistic`. */
  readonly method: string;
}

export interface Criterion {
  readonly id: string;
  readonly title: string;
  /** Mission row or section of a requirements document that the criterion covers: `C4`, `004 §3 Security`. */
  readonly source: string;
  readonly state: CriterionState;
  /** Reason for the state, in words; for PASS the claim: "20 of 20 observed". */
  readonly reason: string;
  /** Action for the state: change a setting after FAIL, measure again if the criterion could not be judged. */
  readonly remedy: string;
  /** Waiver of the criterion. The state is WAIVED only if the waiver is in force. */
  readonly waiver?: {
    readonly owner: string;
    readonly reason: string;
    /** Last day (UTC) on which the waiver is in force: `2030-12-31`. */
    readonly expires: string;
    /** `too-long`: the waiver expires more than 30 days after the judgement and is not applied. */
    readonly status: 'in-force' | 'expired' | 'too-long';
  };
  /** Override of the shipped gate by a user's file; `target` is the shipped target. */
  readonly override?: {
    readonly owner: string;
    readonly reason: string;
    readonly file: string;
    /** Changed fields of the gate. */
    readonly fields: readonly string[];
    readonly target: Criterion['target'];
    readonly unit: string;
  };
  /**
   * Set if the criterion is out of scope although it was requested, because the machine or the substrate cannot run its
   * drills.
   */
  readonly unsupported?: true;
  readonly scope: {
    readonly environments: readonly string[];
    readonly substrates: readonly string[];
    readonly profiles: readonly string[];
    readonly workload: string;
    readonly sli: string;
  };
  readonly target: { readonly op: '<' | '<=' | '>' | '>=' | '=='; readonly value: number };
  readonly unit: string;
  /** Measured value; null if nothing was measured. */
  readonly measured: number | null;
  readonly n: number;
  readonly minN: number;
  readonly bound: Bound | null;
  /** Absent if the criterion is not judged from trials. */
  readonly attempts?: {
    /**
     * Number of rounds needed to run the planned number of trials on a sound machine; if it was never reached, the
     * total number of rounds.
     */
    readonly rounds: number;
    /** Number of trials that were left out because the machine was too busy for a valid measurement. */
    readonly leftOut: number;
  };
  readonly evidence: readonly EvidenceRef[];
}

/** The three actions of requirements document 004 §8. */
export type Action = 'enable' | 'keep-disabled' | 'deploy-with-breaker';

export interface Verdict {
  /** Decision. `CONDITIONAL_GO` is a go that depends on waivers in force. */
  readonly decision: 'GO' | 'CONDITIONAL_GO' | 'NO_GO' | 'UNKNOWN';
  readonly exitCode: 0 | 1 | 3;
  /**
   * Action; null for a run that covers less than a full readiness run, because passing a few drills does not enable
   * anything.
   */
  readonly action: Action | null;
  /** Description of the action, with the settings to use if there are any. */
  readonly advice: readonly string[];
  readonly counts: Readonly<Record<CriterionState, number>>;
  readonly criteria: readonly Criterion[];
}
