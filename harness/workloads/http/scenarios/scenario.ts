/**
 * Common parts of the k6 scenarios: requests to the front end, thresholds that cannot pass without data, and the
 * summary that the kit reads. k6 runs these files; the kit never imports them.
 *
 * A metric without samples passes its thresholds, so every scenario also requires requests, checks and iterations. If
 * k6 cannot maintain an arrival rate, it drops iterations; a scenario passes only if none are dropped.
 */
import { check } from 'k6';
import http from 'k6/http';
import type { Options } from 'k6/options';

const BASE = __ENV.KIT_BASE_URL ?? 'http://127.0.0.1:8080';
const CATALOGUE = Number(__ENV.KIT_CATALOGUE ?? 2_000);

/** Returns the duration of a scenario in seconds; tests shorten it. */
export const seconds = (byDefault: number): string => `${__ENV.KIT_SECONDS ?? byDefault}s`;
/** Returns the rate in requests per second. */
export const rate = (byDefault: number): number => Number(__ENV.KIT_RATE ?? byDefault);

/** Returns the thresholds of every scenario. @param p95Ms bound on the p95 of the response times, in ms */
export function thresholds(p95Ms: number): NonNullable<Options['thresholds']> {
  return {
    http_reqs: ['count>0'],
    iterations: ['count>0'],
    checks: ['rate>0.99'],
    http_req_failed: ['rate<0.01'],
    http_req_duration: [`p(95)<${p95Ms}`],
    dropped_iterations: ['count==0'],
  };
}

export const summaryTrendStats = ['count', 'min', 'med', 'avg', 'p(95)', 'p(99)', 'max'];

/**
 * Performs one iteration: mostly reads, as in YCSB B. Key numbers are drawn as the square of a uniform random number,
 * so that some keys are more popular than others.
 */
export function visit(): void {
  const key = Math.floor(Math.random() ** 2 * CATALOGUE);
  if (Math.random() < 0.95) {
    const read = http.get(`${BASE}/items/${key}`, { tags: { name: 'GET /items/:id' } });
    check(read, {
      'read returns 200 with the right value': (r) => r.status === 200 && isValueOf(key, r.body),
    });
  } else {
    const written = http.put(`${BASE}/items/${key}`, null, { tags: { name: 'PUT /items/:id' } });
    check(written, { 'write is 204': (r) => r.status === 204 });
  }
}

/** Whether the body is a value of the key: the front end replies with `<key>|…`. */
function isValueOf(key: number, body: unknown): boolean {
  return typeof body === 'string' && body.startsWith(`${key}|`);
}

/** Writes all metrics to the file that the kit reads. */
export function handleSummary(data: unknown): Record<string, string> {
  const file = __ENV.KIT_SUMMARY;
  return file === undefined ? {} : { [file]: JSON.stringify(data) };
}
