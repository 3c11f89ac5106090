/**
 * Unit tests of the alert rules for `promtool test rules`, from the cases in `alert-cases.ts`. Pure.
 *
 *   environment ─▶ rules, rendered with the interval of the cases ─┐
 *               └▶ cases ─▶ tests that each alert fires, or not   ─┴▶ two files for promtool
 */
import { stringify } from 'yaml';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { type AlertCase, alertCases, CASE_INTERVAL_SECONDS } from './alert-cases.ts';
import { durationOf } from './rule.ts';
import { renderRules } from './rules.ts';

/** Contents of the two files, of which the second one refers to the first one by its name. */
export interface RuleTests {
  readonly rules: string;
  readonly tests: string;
}

/**
 * Renders the rules of an environment and their tests.
 *
 * @param rulesFile name of the file with the rules, in the folder of the file with the tests
 * @param cases default: all cases of the environment
 */
export function renderRuleTests(
  environment: EnvironmentConfig,
  rulesFile: string,
  cases: readonly AlertCase[] = alertCases(environment),
): RuleTests {
  const { observability } = environment;
  const interval = durationOf(CASE_INTERVAL_SECONDS);
  const tests = (['fires', 'quiet'] as const).flatMap((kind) =>
    packedCases(cases, kind).map((pack) => unitTest(pack, kind, environment.name)),
  );
  return {
    rules: renderRules({
      ...environment,
      observability: { ...observability, scrapeIntervalSeconds: CASE_INTERVAL_SECONDS },
    }),
    tests: stringify({ rule_files: [rulesFile], evaluation_interval: interval, tests }, { lineWidth: 0 }),
  };
}

/**
 * Groups cases that share no metric into one test, because they do not affect each other and each test takes half a
 * second.
 */
function packedCases(cases: readonly AlertCase[], kind: 'fires' | 'quiet'): readonly AlertCase[][] {
  const metricsOf = (each: AlertCase) => Object.keys(each[kind]).map((series) => series.replace(/\{.*/, ''));
  const packs: { readonly cases: AlertCase[]; readonly metrics: Set<string> }[] = [];
  for (const each of cases) {
    const metrics = metricsOf(each);
    const fitting = packs.find((pack) => !metrics.some((metric) => pack.metrics.has(metric)));
    const pack = fitting ?? { cases: [], metrics: new Set<string>() };
    if (fitting === undefined) packs.push(pack);
    pack.cases.push(each);
    for (const metric of metrics) pack.metrics.add(metric);
  }
  return packs.map((pack) => pack.cases);
}

function unitTest(cases: readonly AlertCase[], kind: 'fires' | 'quiet', environment: string) {
  return {
    name: `${cases.map(({ alert }) => alert).join(', ')}: ${kind}`,
    interval: durationOf(CASE_INTERVAL_SECONDS),
    input_series: cases.flatMap((each) =>
      Object.entries(each[kind]).map(([key, values]) => ({
        series: key.replace('{E', `{environment="${environment}"`),
        values,
      })),
    ),
    promql_expr_test: cases.map(({ alert }) => ({
      expr: `min(ALERTS{alertname="${alert}",alertstate="firing"})`,
      eval_time: '10m',
      exp_samples: kind === 'fires' ? [{ labels: '{}', value: 1 }] : [],
    })),
  };
}
