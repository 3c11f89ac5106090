/** Invalid parts of extension modules. Each is either detected before a run or does not count as evidence. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Checker } from '../../../harness/checkers/checker.ts';
import { drills } from '../../../harness/drills/index.ts';
import { drillProblem } from '../../../harness/extension/drill-shape.ts';
import type { Extension } from '../../../harness/extension/extension.ts';
import { defineWorkload, integrationDrill } from '../../../harness/extension/index.ts';
import { loadExtensions } from '../../../harness/extension/load.ts';
import { findWorkload, partSource, registerExtensions } from '../../../harness/extension/registered.ts';
import { extensionCheckers, extensionReports } from '../../../harness/judge/extensions.ts';
import { clientsNamed } from '../../../harness/registry.ts';
import { compareClients } from '../../../harness/run/compared-clients.ts';
import { catchKitError } from '../../support/kit-error.ts';
import { buildContext, buildHistory } from '../checkers/history-builders.ts';

const DRILL = integrationDrill({
  ...{ id: 'ours', title: 'Ours', source: 'a test', safeOutcome: 'it holds' },
  ...{ expectations: ['held'], workload: { name: 'hit-miss', parameters: {} } },
} as Parameters<typeof integrationDrill>[0]);

const loaded = (extension: Partial<Extension>) => ({
  module: './ours.mjs',
  identity: { name: 'ours', path: 'ours.mjs', sha256: 'a'.repeat(64) },
  url: 'file:///ours.mjs',
  extension: { name: 'ours', ...extension },
});

afterEach(() => registerExtensions([]));

describe('a drill in a module', () => {
  it('is accepted like any built-in drill', () => {
    const own = drills.filter(({ spansRun }) => spansRun === undefined);
    expect(own.filter((drill) => drillProblem({ ...drill }) !== undefined)).toEqual([]);
    expect(drillProblem({ ...DRILL })).toBeUndefined();
  });

  it.each([
    [{ family: 'other' }, /family must be one of/],
    [{ topologies: undefined }, /topologies must be a list/],
    [{ workload: { name: 'hit-miss' } }, /workload must have/],
    [{ trials: { quick: 1 } }, /trials\.quick and trials\.full must be/],
    [{ boundMs: 0 }, /boundMs must be/],
    [{ expectations: [] }, /expectations must name/],
    [{ family: 'load' }, /operations must name/],
    [{ family: 'failover', operations: ['get'] }, /faults must name/],
    [{ spansRun: true }, /spansRun/],
  ])('is rejected with the reason if it has %o', (over, problem) => {
    expect(drillProblem({ ...DRILL, ...over })).toMatch(problem);
  });

  it('is rejected before a run if it has an unknown workload or fault', () => {
    const register = (over: object) => () =>
      registerExtensions([loaded({ drills: [{ ...DRILL, ...over }] })]);
    register({})();
    expect(catchKitError(register({ workload: { name: 'none', parameters: {} } })).message).toBe(
      "the drill 'ours' names the unknown workload 'none'",
    );
    const faults = [{ fault: 'meteor', target: 'master', atMs: 1, heal: { afterMs: 1 } }];
    expect(catchKitError(register({ faults })).message).toMatch(/unknown fault 'meteor'/);
    expect(catchKitError(register({ id: 'coverage' })).message).toMatch(/'coverage' already exists/);
  });
});

describe('clients and workloads in a module', () => {
  const open = () => ({}) as never;
  const compared = { ...DRILL, workload: { name: 'failover-mix', parameters: {} }, clients: ['kit', 'ours'] };
  const register = (over: object, client: object = {}) => {
    const clients = [{ name: 'ours', open, ...client }];
    registerExtensions([loaded({ clients, drills: [{ ...compared, ...over }] })]);
  };
  const problemOf = (...given: Parameters<typeof register>) =>
    catchKitError(() => register(...given)).message;

  it('are found by name, together with the module that a thread must load', () => {
    const workload = defineWorkload({ name: 'visits', finalRead: false, defaults: {}, run: async () => {} });
    const clients = [{ name: 'ours', open }];
    registerExtensions([loaded({ clients, workloads: [workload] })]);
    expect(findWorkload('visits')).toBe(workload);
    const source = { url: 'file:///ours.mjs', path: 'ours.mjs', sha256: 'a'.repeat(64) };
    expect(partSource('workloads', 'visits')).toEqual(source);
    expect(partSource('clients', 'ours')).toEqual(source);
    expect(partSource('clients', 'ioredis')).toBeUndefined();
    expect(clientsNamed('all').at(-1)).toBe('ours');
    expect(clientsNamed(['ours', 'kit'])).toEqual(['kit', 'ours']);
    expect(catchKitError(() => clientsNamed(['theirs']))).toMatchObject({
      code: 'CLIENT_UNKNOWN',
      message: "unknown client 'theirs'",
      hint: expect.stringContaining('glide, ours'),
    });
  });

  it('run under the faults of a built-in drill, with the version of the client in the report', () => {
    register({ topologies: ['sentinel'] }, { version: '2.1', topologies: ['sentinel'] });
    const crash = drills.filter(({ id }) => id === 'master-crash');
    expect(compareClients(crash, ['ours'], 'sentinel')).toMatchObject({
      drills: [{ id: 'master-crash', clients: ['kit', 'ours'] }],
      versions: { 'client ours': '2.1' },
    });
    expect(compareClients(crash, ['ours'], 'cluster')).toMatchObject({
      drills: [{ clients: ['kit'] }],
      notMeasured: ['client ours: NOT_MEASURED: it does not support the topology cluster'],
    });
  });

  it('are rejected before a run if the clients of a drill cannot run', () => {
    register({});
    expect(problemOf({ clients: ['kit', 'theirs'] })).toBe(
      "the drill 'ours' names the unknown client 'theirs'",
    );
    expect(problemOf({ clients: ['ours'] })).toBe("the drill 'ours' does not name the client 'kit'");
    expect(problemOf({ workload: DRILL.workload })).toBe(
      "the drill 'ours' names several clients, but its workload is a script",
    );
    expect(problemOf({}, { topologies: ['single'] })).toMatch(
      /runs on the topology sentinel, which its client 'ours' does not support/,
    );
    expect(problemOf({}, { name: 'glide' })).toMatch(
      /the client 'glide' already exists: it is part of the kit/,
    );
  });
});

describe('a checker in a module', () => {
  const check = (finding: unknown) => {
    const checker = { id: 'ours', proves: 'it holds', check: () => finding } as unknown as Checker;
    const given = loaded({ checkers: [checker] });
    const [guarded] = extensionCheckers({ extensions: [given.identity] } as never, [given]);
    return guarded?.check(buildHistory(), buildContext());
  };
  const figure = { kind: 'value', value: 1, unit: 'ms', n: 1 };
  const finding = { validity: 'valid', reasons: [], figures: { figure } };

  it('has the figures that it returns', () => {
    expect(check(finding)).toEqual(finding);
  });

  it.each([
    ['nothing', undefined, /must be an object/],
    ['a promise', Promise.resolve(finding), /not a promise/],
    ['no validity', { ...finding, validity: 'ok' }, /validity must be/],
    ['no reasons', { ...finding, reasons: undefined }, /reasons and remedies/],
    [
      'a figure that is not a number',
      { ...finding, figures: { figure: { ...figure, value: Number.NaN } } },
      /figure/,
    ],
    [
      'more successes than observations',
      { ...finding, figures: { figure: { ...figure, kind: 'proportion', successes: 2 } } },
      /figure/,
    ],
  ])('proves nothing if it returns %s', (_, returned, reason) => {
    expect(check(returned)).toMatchObject({
      validity: 'unknown',
      figures: {},
      reasons: [expect.stringMatching(reason)],
    });
  });
});

describe('a report in a module', () => {
  const reportOf = (render: () => unknown) => {
    const given = loaded({ reports: [{ file: 'ours.csv', render: render as () => string }] });
    return extensionReports({ extensions: [given.identity] } as never, [given])['report.ours.ours.csv']?.(
      {} as never,
    );
  };

  it('is written as returned, to a file whose name contains the name of the extension', () => {
    expect(reportOf(() => 'a,b\n')).toBe('a,b\n');
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no such field');
      },
      /could not be rendered: no such field/,
    ],
    ['returns a promise', async () => 'late', /render returned object, not a string/],
  ])('contains the reason if it %s', (_, render, reason) => {
    expect(reportOf(render)).toMatch(reason);
  });

  it('is omitted if a module that the sealed run used is missing', () => {
    const given = loaded({ reports: [{ file: 'ours.csv', render: () => '' }] });
    expect(extensionReports({ extensions: [] } as never, [given])).toEqual({});
  });

  it('must have its own file', () => {
    const reports = [1, 2].map(() => ({ file: 'ours.csv', render: () => '' }));
    expect(catchKitError(() => registerExtensions([loaded({ reports })])).message).toBe(
      "two reports have the file name 'ours.csv'",
    );
  });
});

describe('the parts of a module', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kit-extension-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  // A module is loaded only once per path.
  let count = 0;

  it.each([
    ["reports: [{ file: '../x.csv', render() {} }]", /reports\[0\]\.file: must be a file name/],
    ["reports: [{ file: 'x.csv' }]", /reports\[0\]\.render: must be a function/],
    ["strategies: [{ name: 'x' }]", /strategies\[0\]\.generate: must be a function/],
    ["clients: [{ name: 'x' }]", /clients\[0\]\.open: must be a function/],
    [
      "clients: [{ name: 'x', open() {}, topologies: ['ring'] }]",
      /clients\[0\] \(x\): topologies must be a non-empty list of single, sentinel, cluster/,
    ],
    ["workloads: [{ kind: 'other', name: 'x', run() {} }]", /workloads\[0\] \(x\): kind must be 'scripted'/],
    [
      "workloads: [{ kind: 'generated', name: 'x', run() {}, finalRead: true }]",
      /workloads\[0\] \(x\): defaults must be an object/,
    ],
    [
      "workloads: [{ kind: 'generated', name: 'x', run() {}, defaults: { rate: 1 } }]",
      /workloads\[0\] \(x\): finalRead must be true or false/,
    ],
    ['strategies: 1', /strategies: must be a list, or a function of the cache/],
  ])('are rejected when the module is loaded: %s', async (part, problem) => {
    const file = join(directory, `${++count}.mjs`);
    writeFileSync(file, `export default { name: 'ours', ${part} };`);
    await expect(loadExtensions([file])).rejects.toThrow(problem);
  });
});
