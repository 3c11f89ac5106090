/**
 * The pages in a real browser: nothing is cut off or scrolls sideways on a phone, a tablet, a desktop or paper, in both
 * colour schemes. Folded parts are opened first.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canaryPage } from '../../../canary/index.ts';
import { renderHtml } from '../../../harness/reports/html/index.ts';
import { DARK, LIGHT } from '../../../harness/reports/html/style.ts';
import { exampleLines, exampleView } from '../../canary/example-view.ts';
import { Browser, findBrowser, type Screen } from '../../support/browser.ts';
import { conditionalReport, goReport, hostileReport, noGoReport } from './example-report.ts';

const PAGES = {
  go: renderHtml(goReport()),
  'no-go': renderHtml(noGoReport()),
  'conditional go': renderHtml(conditionalReport()),
  canary: canaryPage(exampleView({ users: 40, slow: 40 }), exampleLines),
  wide: '<!doctype html><main><p style="width:2000px">wide</p></main>',
} as const;
type Page = keyof typeof PAGES | 'hostile';

const screen = (width: number, scheme: Screen['scheme'] = 'light'): Screen => ({
  ...{ width, scheme, media: 'screen' },
});
/** A4 without the browser's default margins. */
const PAPER: Screen = { width: 718, scheme: 'light', media: 'print' };
/** A phone, the narrowest screen that shows tables, the narrowest one that shows an additional table, and a desktop. */
const SCREENS: readonly Screen[] = [
  ...[390, 821, 921, 1280].map((width) => screen(width)),
  ...[screen(1280, 'dark'), PAPER],
];

/** Lists elements that overflow the page or their container. Text in a drawing may use the margin of the page. */
const CUT = `(() => {
  const { clientWidth, scrollWidth } = document.documentElement;
  const found = scrollWidth > clientWidth ? ['the page is ' + scrollWidth + ' px wide'] : [];
  const name = (e) => e.tagName + ' ' + (e.getAttribute('aria-label') ?? e.textContent).trim().slice(0, 40);
  for (const e of document.querySelectorAll('.scroll, pre'))
    if (e.scrollWidth > e.clientWidth) found.push(name(e) + ' scrolls: ' + e.scrollWidth + ' > ' + e.clientWidth);
  for (const e of document.querySelectorAll('main *, header *')) {
    const { left, right, width } = e.getBoundingClientRect();
    if (width > 0 && (right > clientWidth + 0.5 || left < -0.5) && e.closest('.hidden') === null)
      found.push(name(e) + ' from ' + Math.round(left) + ' to ' + Math.round(right));
  }
  return found.slice(0, 10);
})()`;
const OPEN_ALL = `document.querySelectorAll('details').forEach((each) => { each.open = true })`;

const browserName = findBrowser();
const suite = 'the pages in a browser';

describe.runIf(browserName)(browserName ? suite : `${suite} [skipped: no Chromium is installed]`, () => {
  let browser: Browser;
  let directory: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'kit-pages-'));
    browser = await Browser.open(browserName ?? '');
    for (const [name, page] of Object.entries({ ...PAGES, hostile: renderHtml(hostileReport()) }))
      writeFileSync(join(directory, `${name}.html`), page);
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const show = (page: Page, on: Screen) => browser.show(join(directory, `${page}.html`), on);

  it('are checked by code that reports an element wider than the page', async () => {
    await show('wide', screen(390));
    expect(await browser.evaluate(CUT)).toContain('P wide from 8 to 2008');
  });

  it.each([
    ['no-go', SCREENS],
    ['canary', SCREENS],
    // Only this page has a section for overridden gates.
    ['conditional go', [screen(390), PAPER]],
  ] as const)('the page of %s fits a phone, a tablet, a desktop and paper', async (page, screens) => {
    await show(page, screen(390));
    await browser.evaluate(OPEN_ALL);
    for (const each of screens) {
      await browser.setScreen(each);
      expect(await browser.evaluate(CUT), JSON.stringify(each)).toEqual([]);
    }
  });

  it('keep a width of 390 px with texts of any length', async () => {
    await show('hostile', screen(390));
    await browser.evaluate(OPEN_ALL);
    const [page, client] = await browser.evaluate<readonly number[]>(
      '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
    );
    expect(page).toBe(client);
  });

  it('show the comparison of the clients as a table from 1280 px up, and by client on a phone', async () => {
    const display = `getComputedStyle(document.querySelector('.comparison')).display`;
    await show('no-go', screen(1280));
    expect(await browser.evaluate(display)).toBe('table');
    await show('no-go', screen(390));
    expect(await browser.evaluate(display)).toBe('block');
  });

  it('use the colours of the colour scheme on a screen, and the paper colours in print', async () => {
    const colour = `getComputedStyle(document.documentElement).getPropertyValue('--ink')`;
    await show('go', screen(1280, 'dark'));
    expect(await browser.evaluate(colour)).toBe(DARK.ink);
    await browser.setScreen({ ...PAPER, scheme: 'dark' });
    expect(await browser.evaluate(colour)).toBe(LIGHT.ink);
  });

  it('print tables and the events of a failover without a click', async () => {
    await show('no-go', PAPER);
    const heights = await browser.evaluate<readonly number[]>(
      `[...document.querySelectorAll('.topology')].filter((each) => each.closest('.trials') === null)
        .map((each) => each.querySelector('table').getBoundingClientRect().height)`,
    );
    expect(heights).toHaveLength(3);
    expect(Math.min(...heights)).toBeGreaterThan(50);
    const display = `getComputedStyle(document.querySelector('.comparison')).display`;
    expect(await browser.evaluate(display)).toBe('table');
    expect(await browser.countSheets()).toBeLessThan(20);
  });
});
