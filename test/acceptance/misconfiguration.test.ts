/**
 * A setting that makes an environment unsafe changes the verdict to NO_GO, and the report names the setting to change.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import type { Report } from '../../harness/reports/report.ts';
import { CliHarness } from '../support/cli-harness.ts';

const PLANTED = [
  {
    name: 'no-persistence',
    settings: { 'redis.appendonly': false, 'redis.save': [] },
    criterion: 'persistence',
    change: 'redis.appendonly',
  },
  {
    name: 'no-min-replicas',
    settings: { 'redis.minReplicasToWrite': 0 },
    criterion: 'durability-backed',
    change: 'redis.minReplicasToWrite',
  },
  {
    name: 'quorum-of-all',
    settings: { 'topology.quorum': 3 },
    criterion: 'quorum',
    change: 'topology.quorum',
  },
  {
    name: 'unsupervised',
    settings: { 'client.supervision': false },
    criterion: 'supervised-client',
    change: 'client.supervision',
  },
  {
    // The gate applies because of the durability promise, not because of the name `production`.
    name: 'plain-text',
    settings: { 'promises.encryption': true },
    criterion: 'tls',
    change: 'security.tls',
  },
  {
    name: 'never-promoted',
    settings: { 'redis.extra': { 'replica-priority': '0' } },
    criterion: 'promotion',
    change: 'replica-priority',
  },
  {
    name: 'wide-lag',
    settings: { 'redis.minReplicasMaxLagSeconds': 60 },
    criterion: 'lag-bound',
    change: 'redis.minReplicasMaxLagSeconds',
  },
] as const;

describe('a planted misconfiguration', () => {
  const cli = new CliHarness();
  afterAll(() => cli[Symbol.asyncDispose]());

  it.each(PLANTED)('$name is a no-go with exit code 1, and the report names $change', async (planted) => {
    const { name, settings, criterion, change } = planted;
    const file = cli.writeEnvironment(name, settings);
    const { exitCode, out } = await cli.runKit('drill', 'hit-miss', '--env', file, '--out', name);
    expect(exitCode, out).toBe(EXIT.NO_GO);
    expect(out).toMatch(/^NO-GO /);
    expect(out).toContain(change);
    const { verdict } = cli.readReport(name);
    expect(verdict).toMatchObject({ decision: 'NO_GO', exitCode: 1, action: null });
    expect(failed(cli.readReport(name))).toEqual([criterion]);
    expect(verdict.criteria.find(({ id }) => id === criterion)).toMatchObject({
      reason: expect.stringContaining(change),
      remedy: expect.stringContaining(change),
    });
    await cli.expectNothingLeft();
  });

  it('is not reported for unchanged dev settings: no criterion of the same drill fails', async () => {
    const sound = cli.writeEnvironment('sound');
    cli.expectNoFailures(await cli.runKit('drill', 'hit-miss', '--env', sound, '--out', 'sound'), 'sound');
  });
});

function failed({ verdict }: Report): readonly string[] {
  return verdict.criteria.filter(({ state }) => state === 'FAIL').map(({ id }) => id);
}
