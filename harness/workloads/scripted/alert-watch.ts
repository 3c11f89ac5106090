/** The alerts of an environment, as a real Prometheus evaluates them. `harness/trial/alert-watch.ts` starts it. */

/** An alert that is not inactive. */
export interface ActiveAlert {
  readonly alert: string;
  readonly state: 'pending' | 'firing';
}

/** Result of `promtool test rules`. */
export interface RuleTestResult {
  readonly exitCode: number | null;
  readonly output: string;
}

export interface AlertWatch {
  /** Names of all alert rules of the environment. */
  readonly rules: readonly string[];
  /** Names of the alert rules that `testRules` tests. */
  readonly tested: readonly string[];
  /** Returns the active alerts, according to Prometheus. */
  active(): Promise<readonly ActiveAlert[]>;
  /** Returns the names of the alerts that Alertmanager has received. */
  delivered(): Promise<ReadonlySet<string>>;
  /** Whether Prometheus has scraped every node, and the rules have evaluated the samples. */
  hasScrapedAll(): Promise<boolean>;
  /** Tests every rule on series for which it must fire and on series for which it must not. */
  testRules(): Promise<RuleTestResult>;
}
