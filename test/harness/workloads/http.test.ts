/** The HTTP front end with the kit's client, and k6 as its load generator if k6 is installed. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cache, memoryCache } from '../../../client/index.ts';
import { k6 as checker } from '../../../harness/checkers/k6.ts';
import type { HistoryEvent } from '../../../harness/history/events.ts';
import { type FrontEnd, startFrontEnd } from '../../../harness/workloads/http/front-end.ts';
import { findK6, readSummary, runK6, segmentBounds } from '../../../harness/workloads/http/k6.ts';
import { seededRandom } from '../../../harness/workloads/random.ts';
import { buildContext, buildHistory, figureNumber, observation } from '../checkers/history-builders.ts';

let dir: string;
let cache: Cache;
let served: FrontEnd;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'http-'));
  cache = memoryCache();
  const random = seededRandom(1, 'test');
  served = await startFrontEnd({ cache, prefix: 'http:test:', maxValueBytes: 1_024, computeMs: 1, random });
});
afterAll(async () => {
  await served?.close();
  await cache?.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('the HTTP front end', () => {
  it('computes a value once, and then returns it from the cache', async () => {
    const read = async () => (await fetch(`${served.url}/items/7`)).text();
    const first = await read();
    expect(first).toMatch(/^7\|/);
    expect(await read()).toBe(first);
  });

  it('rejects requests that it does not serve', async () => {
    const statusOf = async (path: string, method = 'GET') =>
      (await fetch(`${served.url}${path}`, { method })).status;
    expect(await statusOf('/items/x')).toBe(404);
    expect(await statusOf('/items/7', 'POST')).toBe(405);
    // A write counts only if Redis stores it, and this cache has no Redis.
    expect(await statusOf('/items/7', 'PUT')).toBe(503);
  });
});

describe('k6', () => {
  it('splits a scenario into segments without a gap', () => {
    expect(segmentBounds(3)).toEqual(['0', '1/3', '2/3', '1']);
  });

  it('names the thresholds that were not met', () => {
    const thresholds = { 'count>0': { ok: false } };
    const text = JSON.stringify({ metrics: { http_reqs: { values: { count: 0 }, thresholds } } });
    expect(readSummary(text, '0:1', 99)).toMatchObject({ requests: 0, missed: 'http_reqs count>0' });
  });

  it('measures the front end in two processes, or the test states how to install k6', async () => {
    const found = await findK6();
    const events: HistoryEvent[] = [];
    if (found.kind === 'none') {
      expect(found.reason).toMatch(/go build -C tools\/k6/);
      events.push(observation('workload', 'k6', 1, { limit: found.reason }));
    } else {
      const results = await runK6({
        ...{ path: found.path, scenario: 'smoke', url: served.url, segments: 2, perSecond: 20, seconds: 2 },
        ...{ catalogue: 100, timeoutMs: 60_000, signal: new AbortController().signal },
        artifactPath: (name) => join(dir, name),
      });
      expect(results.map(({ segment }) => segment)).toEqual(['0:1/2', '1/2:1']);
      expect(existsSync(join(dir, 'k6-smoke-2.json'))).toBe(true);
      events.push(observation('workload', 'k6', 1, { limit: '', segments: 2 }));
      for (const result of results) events.push(observation('workload', 'k6-segment', 2, { ...result }));
    }
    const judged = checker.check(buildHistory(events), buildContext());
    if (found.kind === 'none') expect(judged).toMatchObject({ validity: 'unknown', figures: {} });
    else expect(figureNumber(judged, 'dropped')).toBe(0);
  });
});
