/**
 * A cache client and a generated workload from a module outside the kit's source tree, used through the command: one of
 * the module's drills with both, and a built-in drill with the client.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { parseHistory } from '../../harness/history/parse.ts';
import { CliHarness, type CommandResult } from '../support/cli-harness.ts';

const EXAMPLE = resolve('examples/extension');
const MODULE = ['--module', join(EXAMPLE, 'client.ts')];

let cli: CliHarness;
beforeAll(() => {
  cli = new CliHarness();
});
afterAll(async () => cli[Symbol.asyncDispose]());

describe('a client and a generated workload from a module', () => {
  let drill: CommandResult;
  beforeAll(async () => {
    const gates = ['--gates', join(EXAMPLE, 'client-gates.yaml')];
    drill = await cli.runKit('drill', 'baskets', '--env', 'single', '--out', 'run', ...MODULE, ...gates);
  }, 90_000);

  const operationsOf = (client: string) => {
    const path = join(cli.path, `run/trials/baskets-1/${client}.jsonl`);
    return parseHistory([{ path, text: readFileSync(path, 'utf8') }]).history.operations;
  };

  it('run under the faults of the drill, and the gates judge the kit’s own client', () => {
    expect(drill.exitCode, drill.out + drill.err).toBe(EXIT.GO);
    const criteria = cli.readReport('run').verdict.criteria.filter(({ id }) => id.startsWith('basket-'));
    expect(criteria.map(({ state, measured }) => [state, measured])).toEqual([
      ['PASS', 0],
      ['PASS', 0],
    ]);
  });

  it.each(['kit', 'shop-cache'])('send the generated operations through %s', (client) => {
    const operations = operationsOf(client);
    const kinds = new Set(operations.map(({ invoke }) => invoke.kind));
    expect([...kinds].toSorted()).toEqual(['append', 'get', 'getOrCompute']);
    expect(operations.filter(({ outcome }) => outcome === 'ok').length).toBeGreaterThan(50);
  });

  it('are compared with the kit’s own client by their operations and by the state of the nodes', () => {
    const rows = cli.readReport('run').comparison.filter(({ drill: of }) => of === 'baskets');
    expect(rows.map(({ client }) => client).toSorted()).toEqual(['kit', 'shop-cache']);
    for (const row of rows) {
      // ioredis, the base of the shop's client, sends commands without a reply again.
      const appliedTwice = row.client === 'kit' ? 0 : expect.any(Number);
      expect(row).toMatchObject({ trials: 1, acknowledgedLost: 0, appliedTwice, deadClients: 0 });
      expect(row.acknowledged).toBeGreaterThan(20);
    }
    expect(readFileSync(join(cli.path, 'run/report.md'), 'utf8')).toContain('- client shop-cache: 1.4.0');
  });
});

describe('--clients', () => {
  it('compares a client from a module in a built-in drill, and reports a client that cannot run there', async () => {
    const env = cli.writeEnvironment('pair', {}, 'dev');
    const { out, err } = await cli.runKit(
      ...[
        'drill',
        'replies-lost',
        '--env',
        env,
        '--out',
        'compared',
        '--clients',
        'shop-cache,glide',
        ...MODULE,
      ],
    );
    expect(err + out).toContain('client glide: NOT_MEASURED: it does not support Sentinel');
    const { comparison, run } = cli.readReport('compared');
    expect(comparison.map(({ client }) => client).toSorted(), err).toEqual(['kit', 'shop-cache']);
    expect(run.provenance['client shop-cache']).toBe('1.4.0');
  }, 120_000);

  it('rejects a name that neither the kit nor a module defines, and lists the known names', async () => {
    const { exitCode, err } = await cli.runKit('drill', 'master-crash', '--clients', 'shop', ...MODULE);
    expect(exitCode).toBe(EXIT.USAGE);
    expect(err).toMatch(/unknown client 'shop'/);
    expect(err).toMatch(/known clients: kit, ioredis, .*, shop-cache, or all/);
  });
});
