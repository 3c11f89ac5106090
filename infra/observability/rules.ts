/**
 * Recording and alert rules of an environment, as data and as the YAML that Prometheus loads. Thresholds come from the
 * environment; every duration is a multiple of its scrape interval, so that a test with a short interval exercises the
 * same rules within seconds. Pure.
 */
import { stringify } from 'yaml';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { availabilityAlerts } from './availability-alerts.ts';
import { capacityAlerts } from './capacity-alerts.ts';
import { clientAlerts } from './client-alerts.ts';
import { recordingRules } from './recording-rules.ts';
import { type AlertRule, contextOf, durationOf, type RecordingRule } from './rule.ts';

export interface Rules {
  readonly recording: readonly RecordingRule[];
  readonly alerts: readonly AlertRule[];
}

export function rulesOf(environment: EnvironmentConfig): Rules {
  const context = contextOf(environment);
  return {
    recording: recordingRules(context),
    alerts: [...availabilityAlerts(context), ...capacityAlerts(context), ...clientAlerts(context)],
  };
}

/**
 * Renders the rule file. All rules are in one group, because Prometheus evaluates the rules of a group in order: alerts
 * therefore use the current values of the recording rules.
 */
export function renderRules(environment: EnvironmentConfig): string {
  const { name, observability } = environment;
  const { recording, alerts } = rulesOf(environment);
  const rules = [
    ...recording.map(({ record, expr }) => ({ record, expr, labels: { environment: name } })),
    ...alerts.map((rule) => ({
      alert: rule.alert,
      expr: rule.expr,
      for: durationOf(rule.forScrapes * observability.scrapeIntervalSeconds),
      labels: { severity: rule.severity, environment: name },
      annotations: { summary: rule.summary, runbook: `${observability.runbook}#${rule.runbook}` },
    })),
  ];
  const interval = durationOf(observability.scrapeIntervalSeconds);
  return stringify({ groups: [{ name: `kit-${name}`, interval, rules }] }, { lineWidth: 0 });
}
