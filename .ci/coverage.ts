/** Whether a coverage summary is above the thresholds of a vitest configuration: exit 0, or 1 with what is below. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

interface Config {
  readonly test: { readonly coverage: { readonly thresholds: Readonly<Record<string, number>> } };
}

const [config = '', summary = ''] = process.argv.slice(2);
const { default: settings } = (await import(resolve(config))) as { readonly default: Config };
const { total } = JSON.parse(readFileSync(summary, 'utf8')) as {
  readonly total: Readonly<Record<string, { readonly pct: number }>>;
};
for (const [name, threshold] of Object.entries(settings.test.coverage.thresholds)) {
  const pct = total[name]?.pct ?? 0;
  if (pct >= threshold) continue;
  process.stderr.write(`coverage of ${name}: ${pct} %, at least ${threshold} %\n`);
  process.exitCode = 1;
}
