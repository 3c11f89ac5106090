import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadGates } from '../../config/gates.ts';
import { loadOwnGates, type OwnGates } from '../../config/own-gates.ts';
import { latestWaiverDay } from '../../config/waiver-days.ts';
import { catchKitError } from '../support/kit-error.ts';

let dir = '';
let files = 0;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kit-own-gates-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function fileOf(text: string): string {
  const file = join(dir, `${++files}.yaml`);
  writeFileSync(file, text);
  return file;
}

const TODAY = '2026-11-29T12:00:00.000Z';
const load = (texts: readonly string[], more: Partial<OwnGates> = {}) =>
  loadOwnGates({ files: texts.map(fileOf), today: TODAY, ...more });
const gateIn = (texts: readonly string[], id: string) => load(texts).gates.find((gate) => gate.id === id);
const shipped = (id: string) => loadGates().gates.find((gate) => gate.id === id);

const OVERRIDE = `
gates:
  - id: get-latency
    target: { op: <, value: 8 }
    owner: team shop
    reason: the disks of staging are slower
`;

const NEW = `
gates:
  - id: our-gate
    title: Our gate holds
    source: team objective 7
    group: performance
    workload: [steady]
    sli: { checker: latency, figure: get, stat: p99, over: max, count: observations }
    target: { op: <, value: 20 }
    unit: ms
    minN: { quick: 1, full: 1 }
    timing: false
    remedy: Ask the team.
`;

describe('a gates file', () => {
  it('may be empty, which changes nothing', () => {
    expect(load(['# later'])).toEqual(loadGates());
  });

  it('overrides a built-in gate by its id, and records owner, reason, file and the built-in target', () => {
    const before = shipped('get-latency');
    const gate = gateIn([OVERRIDE], 'get-latency');
    expect(gate).toEqual({
      ...before,
      target: { op: '<', value: 8 },
      override: {
        owner: 'team shop',
        reason: 'the disks of staging are slower',
        file: expect.stringMatching(/\.yaml$/),
        fields: ['target'],
        target: before?.target,
        unit: before?.unit,
      },
    });
    expect(load([OVERRIDE]).gates.map(({ id }) => id)).toEqual(loadGates().gates.map(({ id }) => id));
  });

  it('keeps the built-in target in the record after a second override', () => {
    const second = `
gates:
  - id: get-latency
    minN: { quick: 10, full: 10 }
    target: { op: <, value: 9 }
    owner: team two
    reason: another measurement
`;
    expect(gateIn([OVERRIDE, second], 'get-latency')).toMatchObject({
      target: { value: 9 },
      override: { owner: 'team two', fields: ['minN', 'target'], target: { value: 5 } },
    });
  });

  it('changes only the parts of a scope that it names', () => {
    const text =
      'gates: [{ id: durable-kept-master-crash, scope: { environments: [staging] }, owner: ops, reason: only staging is durable }]';
    const { scope } = gateIn([text], 'durable-kept-master-crash') ?? {};
    expect(scope).toEqual({ ...shipped('durable-kept-master-crash')?.scope, environments: ['staging'] });
  });

  it('adds a gate with all fields after the built-in gates', () => {
    const { gates } = load([NEW]);
    expect(gates.at(-1)).toMatchObject({ id: 'our-gate', scope: { environments: 'all' } });
    expect(gates).toHaveLength(loadGates().gates.length + 1);
  });

  it('adds waivers, including a waiver of a gate in the same file', () => {
    const waivers =
      'waivers: [{ gate: our-gate, owner: Ada, reason: known and watched, expires: 2026-12-29 }]';
    expect(load([`${NEW}\n${waivers}`]).waivers).toEqual([
      { gate: 'our-gate', owner: 'Ada', reason: 'known and watched', expires: '2026-12-29' },
    ]);
  });

  it.each([
    {
      problem: 'an override without an owner',
      text: 'gates:\n  - id: get-latency\n    target: { op: <, value: 8 }\n    reason: slower disks here\n',
      where: /yaml:\d+: gates\.0\.owner$/,
      message: /override of the gate 'get-latency' must name its owner/,
    },
    {
      problem: 'an override without a reason',
      text: 'gates:\n  - id: get-latency\n    target: { op: <, value: 8 }\n    owner: Ada\n',
      where: /gates\.0\.reason$/,
      message: /must name its owner and its reason/,
    },
    {
      problem: 'an override that changes no field',
      text: 'gates:\n  - id: get-latency\n    owner: Ada\n    reason: a good reason\n',
      where: /gates\.0$/,
      message: /must change a field/,
    },
    {
      problem: 'a misspelt id of an override',
      text: 'gates:\n  - id: get-latencyy\n    target: { op: <, value: 8 }\n    owner: Ada\n    reason: a good reason\n',
      where: /yaml:2: gates\.0\.id$/,
      message: /did you mean 'get-latency'/,
    },
    {
      problem: 'a new gate without a field',
      text: NEW.replace('    unit: ms\n', ''),
      where: /gates\.0\.unit$/,
      message: /is missing; 'our-gate' is a new gate/,
    },
    {
      problem: 'an unknown key',
      text: NEW.replace('unit:', 'units:'),
      where: /./,
      message: /unknown key 'units'; did you mean 'unit'/,
    },
    {
      problem: 'a duplicate id',
      text: `${OVERRIDE}${OVERRIDE.replace('\ngates:', '')}`,
      where: /gates\.1\.id$/,
      message: /'get-latency' is defined twice/,
    },
    {
      problem: 'the id of the evidence itself',
      text: NEW.replace('our-gate', 'evidence-complete'),
      where: /gates\.0\.id$/,
      message: /the kit's own criterion/,
    },
    {
      problem: 'a record of an override',
      text: NEW.replace('unit: ms', 'unit: ms\n    override: {}'),
      where: /override$/,
      message: /unknown key 'override'/,
    },
    {
      problem: 'a waiver of an unknown gate',
      text: 'waivers: [{ gate: get-latencyy, owner: Ada, reason: known and watched, expires: 2026-12-01 }]',
      where: /waivers\.0\.gate$/,
      message: /did you mean 'get-latency'/,
    },
    {
      problem: 'a waiver of 31 days',
      text: 'waivers: [{ gate: get-latency, owner: Ada, reason: known and watched, expires: 2026-12-30 }]',
      where: /waivers\.0\.expires$/,
      message: /at most 30 days ahead \(2026-12-29\), got '2026-12-30'/,
    },
  ])('causes one error with file, line and path: $problem', ({ text, where, message }) => {
    const error = catchKitError(() => load([text]));
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', where: expect.stringMatching(where) });
  });
});

describe('waivers from another file', () => {
  const waiver = { gate: 'get-latency', owner: 'Ada', reason: 'known and watched', expires: '2026-12-29' };

  it('are added after the waivers in the gate files', () => {
    expect(load([], { waivers: { file: 'kit.yaml', waivers: [waiver] } }).waivers).toEqual([waiver]);
  });

  it('are checked like the waivers in the gate files', () => {
    const waivers = [waiver, { ...waiver, expires: '2027-01-31' }];
    expect(catchKitError(() => load([], { waivers: { file: 'kit.yaml', waivers } }))).toMatchObject({
      where: 'kit.yaml: waivers.1.expires',
    });
  });
});

it('the latest day of a waiver is correct across months and leap days', () => {
  expect(['2026-11-29', '2028-01-31T23:59:59Z'].map(latestWaiverDay)).toEqual(['2026-12-29', '2028-03-01']);
});
