/**
 * The digests of the manifest. If a file is changed and sealed again, its digest differs from the recorded one; the
 * same applies to the manifest itself.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drills } from '../../../harness/drills/index.ts';
import { canonicalJson } from '../../../harness/evidence/canonical-json.ts';
import type { Manifest } from '../../../harness/evidence/manifest.ts';
import { analyzeRun, verifyRun } from '../../../harness/judge/index.ts';
import { findCriterion, rewriteSeal, ScratchRuns } from '../scratch-runs.ts';

const scratch = new ScratchRuns();
let healthy = '';
beforeAll(() => {
  const asked = drills.filter(({ id }) => id === 'hit-miss');
  ({ dir: healthy } = scratch.createReportedRun({ drills: asked, manifest: { kind: 'drill' } }));
});
afterAll(() => scratch[Symbol.dispose]());

function sealedAgain(path: string, change: (text: string) => string) {
  const dir = scratch.copyRun(healthy);
  writeFileSync(join(dir, path), change(readFileSync(join(dir, path), 'utf8')));
  rewriteSeal(dir);
  return dir;
}

const manifestAs = (change: (manifest: Manifest) => object) =>
  sealedAgain('manifest.json', (text) => canonicalJson(change(JSON.parse(text) as Manifest)));

describe('the digests of the manifest', () => {
  it.each(['trials/hit-miss-1/events.jsonl', 'config.json', 'gates.json', 'drills.json'])(
    'detect that %s was changed before it was resealed',
    (path) => {
      const dir = sealedAgain(path, (text) => `${text}\n`);
      const report = analyzeRun(dir);
      expect(report.verdict).toMatchObject({ decision: 'UNKNOWN', exitCode: 3 });
      const reason = expect.stringContaining(path);
      expect(findCriterion(report, 'evidence-complete')).toMatchObject({ state: 'INVALID', reason });
      expect(verifyRun(dir).problems).toContain(`${path} was altered: it differs from the seal`);
    },
  );

  it.each([
    ['another profile', () => manifestAs((manifest) => ({ ...manifest, profile: 'full' }))],
    [
      'another time of judging',
      () => manifestAs((all) => ({ ...all, judgedAt: '2029-01-01T00:00:00.000Z' })),
    ],
    ['an unknown value', () => manifestAs((manifest) => ({ ...manifest, note: 'sound' }))],
    [
      'another format of the JSON text',
      () => sealedAgain('manifest.json', (text) => JSON.stringify(JSON.parse(text))),
    ],
  ])('detect a change to the manifest: %s', (_what, change) => {
    const report = analyzeRun(change());
    expect(report.verdict.decision).toBe('UNKNOWN');
    const reason = expect.stringContaining('manifest.json');
    expect(findCriterion(report, 'evidence-complete')).toMatchObject({ state: 'INVALID', reason });
    expect(findCriterion(report, 'interface').state).toBe('INVALID');
  });

  it('are required', () => {
    const report = analyzeRun(manifestAs(({ digests: _digests, ...rest }) => rest));
    const reason = expect.stringContaining('the manifest has no digests');
    expect(findCriterion(report, 'evidence-complete')).toMatchObject({ state: 'INVALID', reason });
  });

  it('are not part of a report', () => {
    expect(readFileSync(join(healthy, 'report.json'), 'utf8')).not.toContain('digests');
  });
});
