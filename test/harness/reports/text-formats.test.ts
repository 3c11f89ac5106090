import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../harness/evidence/canonical-json.ts';
import { renderers, renderTerminal } from '../../../harness/reports/index.ts';
import { epochMs } from '../../../harness/reports/instants.ts';
import type { Report } from '../../../harness/reports/report.ts';
import { testedCriteria } from '../../../harness/reports/suites.ts';
import { STATE_LABEL, STATES } from '../../../harness/reports/wording.ts';
import {
  conditionalReport,
  drillReport,
  emptyReport,
  goReport,
  hostileReport,
  noGoReport,
  unknownReport,
} from './example-report.ts';
import { parseElements } from './well-formed.ts';

const REPORTS: readonly (readonly [string, () => Report])[] = [
  ['a go', goReport],
  ['a drill', drillReport],
  ['a no-go', noGoReport],
  ['a conditional go', conditionalReport],
  ['an unknown', unknownReport],
  ['an empty run', emptyReport],
  ['a run full of hostile text', hostileReport],
];

const CONTROL = /[^\P{Cc}\t\n]|\p{Noncharacter_Code_Point}/u;

function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, each]) => [key, shuffled(each)]),
  );
}

describe.each(REPORTS)('every format of %s', (_, make) => {
  it.each(Object.entries(renderers))('%s has the same bytes for the same report', (_file, render) => {
    expect(render(make())).toBe(render(make()));
    expect(render(make()).endsWith('\n')).toBe(true);
  });

  it.each(Object.entries(renderers))(
    "%s does not depend on the order of the report's keys",
    (_file, render) => {
      expect(render(shuffled(make()) as Report)).toBe(render(make()));
    },
  );

  it('contains no control character and no lone surrogate', () => {
    for (const text of [
      ...Object.values(renderers).map((render) => render(make())),
      renderTerminal(make()),
    ]) {
      expect(text).not.toMatch(CONTROL);
    }
    for (const [file, render] of Object.entries(renderers)) {
      if (!file.endsWith('.json')) expect(render(make()).isWellFormed()).toBe(true);
    }
  });

  it('fits 100 columns in a terminal and shows the verdict first', () => {
    const lines = renderTerminal(make()).split('\n');
    expect(lines.filter((line) => [...line].length > 100)).toEqual([]);
    expect(lines[0]).toMatch(/^(GO|CONDITIONAL GO|NO-GO|UNKNOWN) {2}/);
  });

  it('is well-formed XML for JUnit, with totals that equal its test cases', () => {
    const elements = parseElements(renderers['junit.xml'](make()), 'xml');
    const [root] = elements;
    const named = (name: string) => String(elements.filter((element) => element.name === name).length);
    expect(root?.attributes).toMatchObject({
      tests: named('testcase'),
      failures: named('failure'),
      errors: named('error'),
      skipped: named('skipped'),
    });
    expect(Number(root?.attributes.tests)).toBe(testedCriteria(make()).length + 1);
  });

  it('has a CTRF summary that matches the tests in its list', () => {
    const { results } = JSON.parse(renderers['ctrf.json'](make()));
    const status = (name: string) =>
      results.tests.filter((test: { status: string }) => test.status === name).length;
    expect(results.summary).toMatchObject({
      tests: results.tests.length,
      passed: status('passed'),
      failed: status('failed'),
      skipped: status('skipped'),
    });
    expect(results.tests.every((test: { name: string }) => test.name.length > 0)).toBe(true);
  });

  it('fits into a pull request comment', () => {
    expect(renderers['report.md'](make()).length).toBeLessThan(65_536);
  });
});

describe('report.json', () => {
  it('does not depend on the order in which the report is assembled', () => {
    expect(renderers['report.json'](shuffled(goReport()) as Report)).toBe(
      renderers['report.json'](goReport()),
    );
  });

  it('can be parsed back to the same report', () => {
    expect(JSON.parse(renderers['report.json'](noGoReport()))).toEqual(noGoReport());
  });

  it('begins with its schema', () => {
    expect(
      renderers['report.json'](goReport()).startsWith('{\n  "schema": "redis-cache-kit/report/3",\n'),
    ).toBe(true);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('rejects %s, naming its position', (value) => {
    expect(() => canonicalJson({ a: [{ b: value }] })).toThrow('$.a[0].b');
  });
});

describe('the terminal', () => {
  it('contains no escape sequences if colour is off', () => {
    expect(renderTerminal(noGoReport())).not.toContain('\u001b');
    expect(renderTerminal(noGoReport(), { colour: true })).toContain('\u001b[31m');
  });

  it('shows the same text in colour', () => {
    const bare = renderTerminal(noGoReport(), { colour: true }).replaceAll(/\p{Cc}\[\d+m/gu, '');
    expect(bare).toBe(renderTerminal(noGoReport()));
  });

  it.each([60, 80, 100, 160])('fits %i columns, with every figure of both tables', (width) => {
    for (const report of [goReport(), noGoReport(), conditionalReport(), hostileReport()]) {
      const lines = renderTerminal(report, { width }).split('\n');
      expect(lines.filter((line) => [...line].length > width)).toEqual([]);
    }
    const report = noGoReport();
    const text = renderTerminal(report, { width }).replaceAll(/\s+/g, ' ');
    for (const { id } of report.verdict.criteria.filter(({ state }) => state !== 'OUT_OF_SCOPE'))
      expect(text).toContain(` ${id} `);
    expect(text).toContain('418 writes');
    expect(text).toContain('2.19 / 2.41 / 2.65 s');
    // The symbol for an insufficient criterion is also an ellipsis.
    expect(text).not.toMatch(/\S…/);
  });

  it('shows a table that does not fit as blocks with the names of the figures', () => {
    const narrow = renderTerminal(noGoReport(), { width: 60 });
    expect(narrow).toMatch(/\n {2}✗ fail {2}quorum\n {6}measured 3 sentinels · target ≤ 2 sentinels · n 1\n/);
    expect(renderTerminal(noGoReport(), { width: 160 })).toMatch(/\n {2}state +criterion +measured/);
  });

  it('shows failures with their remedies before the table of criteria', () => {
    const text = renderTerminal(noGoReport());
    expect(text.indexOf('Set topology.quorum to 2')).toBeGreaterThan(0);
    expect(text.indexOf('Set topology.quorum to 2')).toBeLessThan(text.indexOf('\nCriteria\n'));
  });

  it('names the run folder, and the command that verifies it', () => {
    expect(renderTerminal(goReport(), { directory: 'out/x' })).toContain('kit verify out/x ');
  });

  it('shows every state that occurs', () => {
    const text = renderTerminal(noGoReport());
    for (const state of STATES) expect(text).toContain(STATE_LABEL[state]);
  });
});

describe('a drill that passes', () => {
  it('is shown with its decision and without an action in every format', () => {
    for (const text of [
      renderTerminal(drillReport()),
      renderers['report.md'](drillReport()),
      renderers['report.html'](drillReport()),
    ]) {
      expect(text).toMatch(/kit readiness decides whether to enable redis/i);
    }
    expect(renderers['junit.xml'](drillReport())).toContain('name="action" value="none"');
  });
});

describe('a criterion that needed a second round', () => {
  const NOTE = '2 rounds, 1 trial left out (machine unsound)';

  it.each([
    ['the terminal', renderTerminal(goReport()), `get-latency: ${NOTE}`],
    ['report.md', renderers['report.md']?.(goReport()), NOTE],
    ['junit.xml', renderers['junit.xml']?.(goReport()), `<system-out>rounds: ${NOTE}</system-out>`],
    ['ctrf.json', renderers['ctrf.json']?.(goReport()), '"attempts": {'],
    ['report.html', renderers['report.html']?.(goReport()), '<small>2 rounds</small>'],
    ['report.html', renderers['report.html']?.(goReport()), '1 of 1 trials left out of criteria'],
    ['report.html', renderers['report.html']?.(goReport()), 'steady 1 (round 2)'],
  ])('is reported in %s', (_format, text, note) => {
    expect(text).toContain(note);
  });

  it('is not reported for any other criterion', () => {
    expect(renderTerminal(goReport()).split('trial left out')).toHaveLength(2);
  });
});

describe('a waiver', () => {
  const DETAILS = ['ops@example.org', 'the bigger nodes come in December', '2026-12-20'];
  const shown = (text: string) => text.replaceAll('&#64;', '@').replace(/\s+/g, ' ');

  it.each([...Object.entries(renderers), ['the terminal', renderTerminal] as const])(
    'is in %s with owner, reason, expiry, and the state without the waiver',
    (_format, render) => {
      const text = shown(render(noGoReport()));
      for (const detail of DETAILS) expect(text).toContain(detail);
      expect(text).toMatch(/FAIL: measured 83/);
    },
  );

  it.each([...Object.entries(renderers), ['the terminal', renderTerminal] as const])(
    'that has expired is in %s with the state that it no longer changes',
    (_format, render) => {
      const base = noGoReport();
      const criteria = base.verdict.criteria.map((one) =>
        one.state === 'WAIVED' && one.waiver !== undefined
          ? { ...one, state: 'FAIL' as const, waiver: { ...one.waiver, status: 'expired' as const } }
          : one,
      );
      const text = shown(render({ ...base, verdict: { ...base.verdict, criteria } }));
      for (const detail of DETAILS) expect(text).toContain(detail);
      if (!text.startsWith('{ "schema"')) expect(text).toMatch(/expired on 2026-12-20/);
    },
  );
});

describe('a conditional go', () => {
  it.each([...Object.entries(renderers), ['the terminal', renderTerminal] as const])(
    'is in %s with its name and the owner, the reason and the expiry of its waiver',
    (_format, render) => {
      const text = render(conditionalReport()).replaceAll('&#64;', '@').replace(/\s+/g, ' ');
      expect(text).toMatch(/CONDITIONAL[ _]GO/);
      for (const detail of ['ops@example.org', 'the bigger nodes come in December', '2026-12-20'])
        expect(text).toContain(detail);
    },
  );
});

describe('an overridden gate', () => {
  const shown = (text: string) =>
    text.replaceAll('&#64;', '@').replaceAll('&lt;', '<').replaceAll('\\', '').replace(/\s+/g, ' ');

  it.each([
    ...Object.entries(renderers).filter(([name]) => !name.endsWith('.json')),
    ['the terminal', renderTerminal] as const,
  ])('is in %s with both targets, the owner, the reason and the file', (_format, render) => {
    const text = shown(render(conditionalReport()));
    for (const detail of ['< 5 ms', '< 8 ms', 'team-shop', 'our disks are slower', 'ours.yaml'])
      expect(text).toContain(detail);
  });

  it('is included as data in the two JSON formats', () => {
    const { override, target } =
      conditionalReport().verdict.criteria.find(({ id }) => id === 'get-latency') ?? {};
    expect(target).toEqual({ op: '<', value: 8 });
    const { results } = JSON.parse(renderers['ctrf.json'](conditionalReport()));
    expect(results.extra.overrides).toEqual([{ gate: 'get-latency', target, unit: 'ms', override }]);
    expect(JSON.parse(renderers['report.json'](conditionalReport())).verdict.criteria).toContainEqual(
      expect.objectContaining({ id: 'get-latency', override }),
    );
  });
});

describe('Markdown', () => {
  it('begins with the decision, and shows every state that occurs', () => {
    const text = renderers['report.md'](noGoReport());
    expect(text).toMatch(/^## 🔴 NO-GO: keep Redis disabled/);
    for (const state of STATES) expect(text).toContain(STATE_LABEL[state]);
  });

  it('contains no mention, link or broken table, whatever the text', () => {
    const text = renderers['report.md'](hostileReport());
    expect(text).not.toMatch(/@everyone|<script|<img|<!--|<\/style/i);
    const rows = text.split('\n').filter((line) => line.startsWith('|'));
    const cells = rows.map((row) => row.split(/(?<!\\)\|/).length);
    expect(new Set(cells).size).toBeLessThan(6);
    expect(rows.length).toBeGreaterThan(20);
  });

  it('omits its last parts, but not its verdict, when it exceeds the size limit of a comment', () => {
    const base = noGoReport();
    const [criterion] = base.verdict.criteria;
    if (criterion === undefined) throw new Error('the example must have criteria');
    const many = Array.from({ length: 900 }, (_, index) => ({
      ...criterion,
      id: `c-${index}`,
      state: 'PASS' as const,
    }));
    const text = renderers['report.md']({ ...base, verdict: { ...base.verdict, criteria: many } });
    expect(text.length).toBeLessThan(65_536);
    expect(text).toContain('NO-GO');
    expect(text).toContain('kit verify');
  });
});

describe('JUnit', () => {
  it.each([
    ['FAIL', 'failure'],
    ['INVALID', 'error'],
    ['INSUFFICIENT', 'error'],
    ['NOT_MEASURED', 'error'],
  ])('shows %s as %s, with the remedy', (state, element) => {
    const elements = parseElements(renderers['junit.xml'](noGoReport()), 'xml');
    const shown = elements.filter(({ name, attributes }) => name === element && attributes.type === state);
    expect(shown.length).toBeGreaterThan(0);
    expect(shown[0]?.text).toContain('remedy: ');
  });

  it('skips waived criteria, and requested criteria that could not run, with the reason', () => {
    const base = noGoReport();
    const [unasked, asked] = base.verdict.criteria.filter(({ state }) => state === 'OUT_OF_SCOPE');
    const criteria = base.verdict.criteria.map((each) =>
      each === asked ? { ...each, unsupported: true as const, reason: 'requires nft' } : each,
    );
    const text = renderers['junit.xml']({ ...base, verdict: { ...base.verdict, criteria } });
    const skipped = parseElements(text, 'xml')
      .filter(({ name }) => name === 'skipped')
      .map(({ attributes }) => attributes.message);
    expect(skipped).toHaveLength(2);
    expect(skipped.join()).toMatch(/requires nft.*until 2026-12-20|until 2026-12-20.*requires nft/s);
    const [output] = parseElements(text, 'xml').filter(({ name }) => name === 'system-out');
    expect(output?.text).toContain(unasked?.id);
  });

  it('names its suites by topic, and contains the times of the trials', () => {
    const elements = parseElements(renderers['junit.xml'](goReport()), 'xml');
    const suites = elements.filter(({ name }) => name === 'testsuite').map(({ attributes }) => attributes);
    expect(suites.map(({ name }) => name)).toContain('Failover');
    expect(suites.filter(({ name }) => /^(?:[A-E]\d?|\d{3})$/.test(name ?? ''))).toEqual([]);
    expect(elements[0]?.attributes.time).toBe('77.781');
    const crash = elements.find(({ attributes }) => attributes.classname === 'Failover.crash-write-gap');
    expect(crash?.attributes.time).toBe('8.000');
  });

  it('has a failure if evidence was altered', () => {
    const elements = parseElements(renderers['junit.xml'](unknownReport()), 'xml');
    const run = elements.find(({ attributes }) => attributes.type === 'ALTERED');
    expect(run?.text).toContain('trials/steady-1/kit.jsonl');
  });
});

describe('CTRF', () => {
  it('never counts an unknown criterion as passed', () => {
    const { results } = JSON.parse(renderers['ctrf.json'](unknownReport()));
    const open = results.tests.filter((test: { rawStatus?: string }) => test.rawStatus === 'NOT_MEASURED');
    expect(open.length).toBeGreaterThan(0);
    expect(open.every((test: { status: string }) => test.status === 'failed')).toBe(true);
  });

  it.each([
    '1970-01-01T00:00:00Z',
    '2000-02-29T23:59:59.999Z',
    '2026-11-21T01:14:04.123Z',
    '2100-03-01T12:00:00.5Z',
  ])('parses %s like Date', (iso) => {
    expect(epochMs(iso)).toBe(Date.parse(iso));
  });

  it('omits the time when the report has none', () => {
    expect(epochMs('yesterday')).toBe(0);
  });
});
