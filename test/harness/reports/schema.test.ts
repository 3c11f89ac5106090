import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { renderJson } from '../../../harness/reports/json.ts';
import {
  drillReport,
  emptyReport,
  goReport,
  hostileReport,
  noGoReport,
  unknownReport,
} from './example-report.ts';
import { reportJsonSchema, reportSchema } from './report-schema.ts';

const published = JSON.parse(
  readFileSync(new URL('../../../docs/report.schema.json', import.meta.url), 'utf8'),
);

describe('docs/report.schema.json', () => {
  it('is generated from the schema in the code (docs/report-schema.md explains how to regenerate it)', () => {
    expect(published).toEqual(JSON.parse(JSON.stringify(reportJsonSchema())));
  });

  it.each([
    ['a go', goReport],
    ['a drill', drillReport],
    ['a no-go', noGoReport],
    ['an unknown', unknownReport],
    ['an empty run', emptyReport],
    ['a run full of hostile text', hostileReport],
  ])('accepts the report.json of %s', (_, make) => {
    const report = JSON.parse(renderJson(make()));
    expect(reportSchema.safeParse(report).error).toBeUndefined();
    expect(z.fromJSONSchema(published).safeParse(report).error).toBeUndefined();
  });

  it.each([
    ['another version', { schema: 'redis-cache-kit/report/4' }],
    ['an unknown field', { more: 1 }],
    ['no verdict', { verdict: undefined }],
  ])('rejects %s', (_, change) => {
    const report = JSON.parse(JSON.stringify({ ...goReport(), ...change }));
    expect(z.fromJSONSchema(published).safeParse(report).success).toBe(false);
    expect(reportSchema.safeParse(report).success).toBe(false);
  });
});
