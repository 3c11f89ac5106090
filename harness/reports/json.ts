/**
 * `report.json`: the report itself as canonical JSON, which `kit verify` compares byte for byte. The schema is
 * `docs/report.schema.json`.
 */
import { canonicalJson } from '../evidence/canonical-json.ts';
import type { Report } from './report.ts';

export function renderJson(report: Report): string {
  return canonicalJson(report);
}
