import { describe, expect, it } from 'vitest';
import { renderHtml } from '../../../harness/reports/html/index.ts';
import { fileHref, html, slugOf } from '../../../harness/reports/html/markup.ts';
import { DARK, LIGHT, STYLE } from '../../../harness/reports/html/style.ts';
import { longestSilence, marksOf, phasesOf, worstFirst } from '../../../harness/reports/html/timeline.ts';
import { topologyFigure } from '../../../harness/reports/html/topology.ts';
import type { Report, TimelineBin } from '../../../harness/reports/report.ts';
import { DECISION_LABEL, STATE_LABEL, STATES } from '../../../harness/reports/wording.ts';
import {
  emptyReport,
  goReport,
  HOSTILE,
  hostileReport,
  noGoReport,
  unknownReport,
} from './example-report.ts';
import { type Element, parseElements } from './well-formed.ts';

const REPORTS: readonly (readonly [string, () => Report])[] = [
  ['a go', goReport],
  ['a no-go', noGoReport],
  ['an unknown', unknownReport],
  ['an empty run', emptyReport],
  ['a run full of hostile text', hostileReport],
];

function page(report: Report): readonly Element[] {
  return parseElements(renderHtml(report), 'html');
}

function named(elements: readonly Element[], name: string): readonly Element[] {
  return elements.filter((element) => element.name === name);
}

describe.each(REPORTS)('the page of %s', (_, make) => {
  it('has well-formed nesting and quoting, and the decision as its heading', () => {
    const elements = page(make());
    expect(named(elements, 'h1').map(({ text }) => text)).toEqual([DECISION_LABEL[make().verdict.decision]]);
  });

  it('needs no script and no network, and has no executable attribute', () => {
    const text = renderHtml(make());
    const elements = parseElements(text, 'html');
    const names = new Set(elements.map(({ name }) => name));
    for (const name of [
      'script',
      'img',
      'link',
      'iframe',
      'object',
      'embed',
      'base',
      'form',
      'foreignObject',
    ]) {
      expect(names).not.toContain(name);
    }
    const attributes = elements.flatMap((element) => Object.entries(element.attributes));
    expect(
      attributes.filter(([name]) => name.startsWith('on') || name === 'style' || name === 'src'),
    ).toEqual([]);
    const links = attributes
      .filter(([name]) => name === 'href' || name === 'xlink:href')
      .map(([, value]) => value);
    expect(links.filter((value) => !value.startsWith('#') && !value.startsWith('./'))).toEqual([]);
    expect(text).not.toMatch(/@import|url\(|https?:|\/\/[a-z]/i);
  });

  it('has unique ids, and links only to existing ids', () => {
    const elements = page(make());
    const ids = elements.flatMap(({ attributes }) => (attributes.id === undefined ? [] : [attributes.id]));
    if (make !== hostileReport) expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    const wanted = elements.flatMap(({ attributes }) => [
      ...(attributes.href?.startsWith('#') ? [attributes.href.slice(1)] : []),
      ...(attributes['aria-labelledby']?.split(' ') ?? []),
    ]);
    expect(wanted.filter((id) => !ids.includes(id))).toEqual([]);
  });

  it('names and describes every drawing, or hides it from screen readers', () => {
    for (const { attributes } of named(page(make()), 'svg')) {
      const described = attributes['aria-hidden'] === 'true' || attributes.role === 'img';
      expect(described).toBe(true);
    }
  });

  it('contains only finite numbers in its drawings', () => {
    expect(renderHtml(make())).not.toMatch(/NaN|Infinity|undefined|\[object/);
  });
});

describe('the page', () => {
  it('shows every state', () => {
    const text = renderHtml(noGoReport());
    for (const state of STATES)
      expect(text).toContain(
        `<span>${STATE_LABEL[state]}</span>`.replace('<span>out of scope</span>', 'out of scope'),
      );
  });

  it('shows a remedy for every blocking criterion', () => {
    const text = renderHtml(noGoReport());
    expect(text.match(/class="remedy"/g)).toHaveLength(6);
    expect(text).toContain('Set topology.quorum to 2');
  });

  it('draws a panel per client, and shades the fault for every failover drill', () => {
    const titles = named(page(goReport()), 'title').map(({ text }) => text);
    for (const drill of ['master-crash', 'master-hang', 'planned-switch']) {
      expect(titles).toContain(`${drill}, redis-cache-kit`);
      expect(titles).toContain(`${drill}, ioredis, defaults`);
    }
    expect(renderHtml(goReport())).toContain('+switch-master');
  });

  it('escapes hostile text', () => {
    const elements = page(hostileReport());
    expect(renderHtml(hostileReport())).not.toMatch(/<script|<img|onerror=alert\(2\)>/);
    expect(elements.some(({ text }) => text.includes('&lt;script&gt;alert(1)'))).toBe(true);
  });

  it('expands at most the trial with the longest gap, and folds the other trials', () => {
    const text = renderHtml(noGoReport());
    expect(text.match(/2 more trials/g)).toHaveLength(3);
  });

  it('shows a canary rollout with decision, reasons, both arms, evidence and changes to the share', () => {
    const text = renderHtml(goReport());
    const section = text.slice(text.indexOf('<section id="canary">'), text.indexOf('<section id="load">'));
    expect(section).toContain('rollback after 80 s, share 0 %');
    expect(section).toContain(
      'errors affect more users in the canary than in the control: e-value 1.2e+9, limit 40',
    );
    expect(section).toMatch(/<th scope="row">requests<\/th><td class="n">1280<\/td><td class="n">5120<\/td>/);
    expect(section).toMatch(/class="users" points="[\d., ]+"/);
    const decisions = [...section.matchAll(/<td>(promote|rollback|clear|hold);/g)].map(
      ([, verdict]) => verdict,
    );
    expect(decisions).toEqual(['clear', 'rollback', 'promote']);
    expect(renderHtml(unknownReport())).toContain('id="canary"');
    expect(renderHtml(emptyReport())).not.toContain('id="canary"');
  });

  it('lists missing and altered evidence', () => {
    const text = renderHtml(unknownReport());
    expect(text).toContain('altered since it was sealed: trials/steady-1/kit.jsonl');
    expect(text).toContain('missing: trials/master-crash-1/kit.jsonl');
  });

  it('keeps the table layout except on narrow screens, because no table class sets another layout', () => {
    const page = renderHtml(goReport());
    const classes = new Set(
      [...page.matchAll(/<table class="([^"]+)"/g)].flatMap(([, names = '']) => names.split(' ')),
    );
    expect(classes).toContain('cards');
    const wide = STYLE.replaceAll(/@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}/g, '');
    const changed = [...wide.matchAll(/([^{}]+)\{[^{}]*display:(?:grid|block|flex)/g)].flatMap(
      ([, selectors = '']) => selectors.trim().split(','),
    );
    expect(changed).toContain('.panels');
    expect(changed.filter((selector) => classes.has(selector.replace(/^\./, '')))).toEqual([]);
  });

  it('contains the command that recomputes the report', () => {
    expect(renderHtml(goReport())).toContain('kit verify runs/2026-11-21T01-14-04Z-dev-local');
  });
});

describe('colours', () => {
  const luminance = (hex: string) => {
    const channel = (at: number) => {
      const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
  };
  const contrast = (a: string, b: string) => {
    const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };

  describe.each([
    ['light', LIGHT],
    ['dark', DARK],
  ])('in %s', (_, palette) => {
    it.each(['ink', 'muted', 'pass', 'fail', 'open', 'waived', 'strong', 'fault'] as const)(
      'text in %s has a contrast of at least 4.5 to 1 on paper and wash',
      (name) => {
        expect(contrast(palette[name], palette.paper)).toBeGreaterThanOrEqual(4.5);
        expect(contrast(palette[name], palette.wash)).toBeGreaterThanOrEqual(4.5);
      },
    );

    it.each(['ok', 'info', 'failed', 'strong', 'soft'] as const)(
      '%s has a contrast of at least 3 to 1 in a drawing',
      (name) => {
        expect(contrast(palette[name], palette.paper)).toBeGreaterThanOrEqual(3);
      },
    );

    it.each(['ink', 'fault', 'muted'] as const)(
      'text in %s has a contrast of at least 4.5 to 1 on the shade of a fault',
      (name) => {
        expect(contrast(palette[name], palette.shade)).toBeGreaterThanOrEqual(4.5);
      },
    );
  });
});

describe('markup', () => {
  it('escapes interpolated text, and keeps markup', () => {
    expect(
      html`<p title="${'"<'}">${'a & b'}${html`<b>${1}</b>`}${null}${false}${['x', html`<i></i>`]}</p>`.text,
    ).toBe('<p title="&quot;&lt;">a &amp; b<b>1</b>x<i></i></p>');
  });

  it('makes valid names and links from any text', () => {
    expect(slugOf('004 §3 Security')).toBe('004-3-security');
    expect(slugOf('§')).toBe('none');
    expect(fileHref('javascript:alert(1)')).toBe('./javascript%3Aalert(1)');
    expect(fileHref('trials/a b/\ud800kit.jsonl')).toBe('./trials/a%20b/kit.jsonl');
    expect(fileHref(HOSTILE)).not.toMatch(/[<>"\s]/);
  });
});

describe('figures from the bins', () => {
  const bin = (tMs: number, ok: number, failed = 0, info = 0): TimelineBin => ({
    tMs,
    ok,
    failed,
    info,
    p50Ms: ok === 0 ? null : 1,
    p99Ms: ok === 0 ? null : tMs + 1,
    hits: 0,
    misses: 0,
  });

  it('contain the longest gap in which requests were sent, if there is one', () => {
    expect(
      longestSilence([bin(0, 5), bin(100, 0, 3), bin(200, 0), bin(300, 2), bin(400, 0, 0, 1)], 100),
    ).toEqual({
      fromMs: 100,
      toMs: 300,
    });
    expect(longestSilence([bin(0, 5), bin(100, 0), bin(200, 0)], 100)).toBeNull();
    expect(longestSilence([], 100)).toBeNull();
  });

  it('contain a gap that lasts to the end', () => {
    expect(longestSilence([bin(0, 5), bin(100, 0, 3), bin(200, 0, 3)], 100)).toEqual({
      fromMs: 100,
      toMs: 300,
    });
  });

  it('put the trial with the longest gap of the kit’s client first, and order equal trials by number', () => {
    const [trial] = goReport().trials.filter(({ drill }) => drill === 'master-crash');
    if (trial === undefined) throw new Error('the example must have a crash');
    const quiet = { ...trial, trial: 1, timelines: { kit: [bin(0, 1)] } };
    const silent = { ...trial, trial: 3, timelines: { kit: [bin(0, 0, 1), bin(200, 0, 1)] } };
    expect(worstFirst([{ ...quiet, trial: 2 }, quiet, silent]).map((each) => each.trial)).toEqual([3, 1, 2]);
  });

  it('assign a mark to the client that it names, or to both clients if it names none', () => {
    const [trial] = goReport().trials.filter(({ drill }) => drill === 'master-crash');
    if (trial === undefined) throw new Error('the example must have a crash');
    const marked = {
      ...trial,
      marks: [
        { label: 'kit: first write', tMs: 20 },
        { label: 'first write (ioredis)', tMs: 30 },
        { label: '+switch-master', tMs: 10 },
      ],
    };
    expect(marksOf(marked, 'kit').map(({ label }) => label)).toEqual(['+switch-master', 'first write']);
    expect(marksOf(marked, 'ioredis').map(({ label }) => label)).toEqual(['+switch-master', 'first write']);
  });

  it('have a lane per node with its time as master, and all messages that the sentinels published', () => {
    const [trial] = goReport().trials.filter(({ drill }) => drill === 'master-crash');
    if (trial === undefined) throw new Error('the example must have a crash');
    const text = topologyFigure(trial, 'f')?.text ?? '';
    expect(text.match(/class="lane"/g)).toHaveLength(3);
    expect(text.match(/class="master"/g)).toHaveLength(2);
    expect(text.match(/class="struck"/g)).toHaveLength(1);
    expect(text.match(/class="event( switch)?"/g)).toHaveLength(4);
    expect(text).toContain('6 events as a table');
    expect(text).toContain('redis-1 was master from 0 ms to ');
    const { masters: _masters, events: _events, ...former } = trial;
    expect(topologyFigure(former, 'f')).toBeNull();
  });

  it('summarize the time before, during and after the fault', () => {
    const [trial] = goReport().trials.filter(({ drill }) => drill === 'master-crash');
    if (trial === undefined) throw new Error('the example must have a crash');
    const timelines = { kit: [bin(0, 5), bin(100, 0, 2, 1), bin(200, 4)] };
    const fault = { fault: 'kill', node: 'redis-1', fromMs: 100, toMs: 200 };
    const summed = phasesOf({ ...trial, timelines, faults: [fault] }, 'kit');
    expect(summed.map(({ ok, failed, info, worstMs }) => [ok, failed, info, worstMs])).toEqual([
      [5, 0, 0, 1],
      [0, 2, 1, null],
      [4, 0, 0, 201],
    ]);
    expect(phasesOf({ ...trial, timelines, faults: [] }, 'kit')).toHaveLength(1);
    expect(phasesOf({ ...trial, timelines, faults: [{ ...fault, toMs: null }] }, 'kit')[2]?.ok).toBe(0);
    expect(phasesOf(trial, 'nobody')[0]?.typicalMs).toBeNull();
  });
});
