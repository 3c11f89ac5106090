/** The report formats of a run by file name, and the format for the terminal. */
import { renderCtrf } from './ctrf.ts';
import { renderHtml } from './html/index.ts';
import { renderJson } from './json.ts';
import { renderJunit } from './junit.ts';
import { renderMarkdown } from './markdown.ts';
import type { Report } from './report.ts';

export { renderTerminal } from './terminal.ts';
export { renderJson };

/** Renders a report. Pure: the same report gives the same bytes, on any day and with any version of Node.js. */
type Renderer = (report: Report) => string;

export const renderers = {
  'report.json': renderJson,
  'report.md': renderMarkdown,
  'report.html': renderHtml,
  'junit.xml': renderJunit,
  'ctrf.json': renderCtrf,
} as const satisfies Readonly<Record<string, Renderer>>;
