/** The alert rules: promtool evaluates each rule against series that must fire it and series that must not. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadEnvironment } from '../../../config/load.ts';
import { renderRules, rulesOf } from '../../../infra/observability/rules.ts';
import { ALERT_CASES, type AlertCase } from './alert-cases.ts';

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;
const ENVIRONMENTS = ['single', 'dev', 'staging', 'production', 'cluster'];
const all = ENVIRONMENTS.flatMap((name) => rulesOf(loadEnvironment(name)).alerts);
const dir = mkdtempSync(join(tmpdir(), 'kit-rules-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function promtool(...args: string[]): { readonly ok: boolean; readonly output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: dir, encoding: 'utf8' });
  return { ok: status === 0, output: stdout + stderr };
}

/** Writes the rules for an environment, and unit tests for the cases. Returns the name of the file with the tests. */
function writeTests(cases: readonly AlertCase[], environment: string): string {
  writeFileSync(join(dir, `${environment}.rules.yml`), renderRules(loadEnvironment(environment)));
  const tests = (['fires', 'quiet'] as const).flatMap((kind) =>
    packedCases(cases, kind).map((pack) => unitTest(pack, kind, environment)),
  );
  const file = `${environment}.test.yml`;
  writeFileSync(
    join(dir, file),
    stringify(
      { rule_files: [`${environment}.rules.yml`], evaluation_interval: '15s', tests },
      { lineWidth: 0 },
    ),
  );
  return file;
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
    interval: '15s',
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

describe.runIf(hasPromtool)(`promtool${hasPromtool ? '' : ' [skipped: not installed]'}`, () => {
  it.each(ENVIRONMENTS)('accepts the rules of %s', (name) => {
    writeFileSync(join(dir, `${name}.rules.yml`), renderRules(loadEnvironment(name)));
    expect(promtool('check', 'rules', `${name}.rules.yml`)).toMatchObject({ ok: true });
  });

  it.each(['production', 'cluster'])(
    'confirms that every alert of %s fires exactly when its case requires it',
    (name) => {
      const cases = ALERT_CASES.filter(({ environment = 'production' }) => environment === name);
      const { ok, output } = promtool('test', 'rules', writeTests(cases, name));
      expect(ok, output).toBe(true);
    },
  );

  it('fails the unit test of an alert if its expression is changed', () => {
    const cases = ALERT_CASES.filter(({ alert }) => alert === 'RedisMemoryHigh');
    const file = writeTests(cases, 'production');
    const path = join(dir, 'production.rules.yml');
    writeFileSync(path, readFileSync(path, 'utf8').replace('} > 0.8', '} > 0.9'));
    const { ok, output } = promtool('test', 'rules', file);
    expect(ok).toBe(false);
    expect(output).toContain('RedisMemoryHigh');
  });
});

describe('the alert rules', () => {
  it('each have a unit test', () => {
    expect(new Set(ALERT_CASES.map(({ alert }) => alert))).toEqual(new Set(all.map(({ alert }) => alert)));
  });

  it('fire after at least two scrapes', () => {
    expect(all.filter(({ forScrapes }) => forScrapes < 2)).toEqual([]);
  });

  it('link to an existing section of the runbook', () => {
    const page = readFileSync('docs/runbook.md', 'utf8');
    const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      (heading ?? '')
        .toLowerCase()
        .replaceAll(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    );
    expect([...new Set(all.map(({ runbook }) => runbook))].filter((each) => !anchors.includes(each))).toEqual(
      [],
    );
  });

  it('use the limits and the durations of the environment', () => {
    const production = loadEnvironment('production', {
      'observability.limits.memoryRatio': '0.65',
      'observability.scrapeIntervalSeconds': '5',
    });
    const { groups } = parse(renderRules(production)) as {
      groups: [{ interval: string; rules: { alert?: string; expr: string; for?: string }[] }];
    };
    expect(groups[0].interval).toBe('5s');
    expect(groups[0].rules.find(({ alert }) => alert === 'RedisMemoryHigh')).toMatchObject({
      expr: 'kit:redis_memory_ratio{environment="production"} > 0.65',
      for: '40s',
    });
  });
});
