/** The alert rules: promtool evaluates each rule against series that must fire it and series that must not. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadEnvironment, type Overrides } from '../../../config/load.ts';
import { type AlertCase, alertCases } from '../../../infra/observability/alert-cases.ts';
import { renderRuleTests } from '../../../infra/observability/rule-tests.ts';
import { renderRules, rulesOf } from '../../../infra/observability/rules.ts';

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
function writeTests(name: string, cases?: readonly AlertCase[], settings: Overrides = {}): string {
  const { rules, tests } = renderRuleTests(loadEnvironment(name, settings), `${name}.rules.yml`, cases);
  writeFileSync(join(dir, `${name}.rules.yml`), rules);
  writeFileSync(join(dir, `${name}.test.yml`), tests);
  return `${name}.test.yml`;
}

describe.runIf(hasPromtool)(`promtool${hasPromtool ? '' : ' [skipped: not installed]'}`, () => {
  it.each(ENVIRONMENTS)('accepts the rules of %s', (name) => {
    writeFileSync(join(dir, `${name}.rules.yml`), renderRules(loadEnvironment(name)));
    expect(promtool('check', 'rules', `${name}.rules.yml`)).toMatchObject({ ok: true });
  });

  it.each(ENVIRONMENTS)('confirms that every alert of %s fires exactly when its case requires it', (name) => {
    const { ok, output } = promtool('test', 'rules', writeTests(name));
    expect(ok, output).toBe(true);
  });

  it('confirms the cases of an environment with other limits, intervals and numbers of nodes', () => {
    const file = writeTests('staging', undefined, {
      'observability.scrapeIntervalSeconds': '1',
      'observability.limits.memoryRatio': '0.65',
      'observability.limits.hitRatio': '0.95',
      'observability.limits.latencyMs': '250',
      'observability.limits.evictionsPerSecond': '0.5',
      'observability.limits.connectionRatio': '0.5',
      'observability.limits.errorRatio': '0.1',
      'observability.limits.certificateDays': '40',
      'redis.minReplicasMaxLagSeconds': '5',
      'topology.sentinels': '5',
      'topology.quorum': '4',
    });
    const { ok, output } = promtool('test', 'rules', file);
    expect(ok, output).toBe(true);
  });

  it('fails the unit test of an alert if its expression is changed', () => {
    const cases = alertCases(loadEnvironment('production')).filter(
      ({ alert }) => alert === 'RedisMemoryHigh',
    );
    const file = writeTests('production', cases);
    const path = join(dir, 'production.rules.yml');
    writeFileSync(path, readFileSync(path, 'utf8').replace('} > 0.8', '} > 0.9'));
    const { ok, output } = promtool('test', 'rules', file);
    expect(ok).toBe(false);
    expect(output).toContain('RedisMemoryHigh');
  });
});

describe('the alert rules', () => {
  it.each(ENVIRONMENTS)('of %s each have a unit test', (name) => {
    const environment = loadEnvironment(name);
    const tested = new Set(alertCases(environment).map(({ alert }) => alert));
    expect(tested).toEqual(new Set(rulesOf(environment).alerts.map(({ alert }) => alert)));
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
