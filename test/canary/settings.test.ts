/**
 * The defaults in config/canary.yaml, and the errors for wrong settings, which name the file, line, path, value and
 * allowed values.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { environmentFlags } from '../../canary/index.ts';
import { loadCanary } from '../../config/canary.ts';
import { readVariables } from '../../config/env.ts';

const DIRECTORY = mkdtempSync(join(tmpdir(), 'kit-canary-'));
afterAll(() => rmSync(DIRECTORY, { recursive: true, force: true }));

const TEXT = readFileSync(join(import.meta.dirname, '../../config/canary.yaml'), 'utf8');

function written(from: string, to: string): string {
  const file = join(DIRECTORY, 'canary.yaml');
  writeFileSync(file, TEXT.replace(from, to));
  return file;
}

describe('config/canary.yaml', () => {
  it('has the database from requirements document 000, stages of 5, 25, 50 and 100 %, and a margin of 1 point', () => {
    expect(loadCanary()).toMatchObject({
      redis: { database: 2 },
      rollout: { stages: [5, 25, 50, 100] },
      judge: { errorMargin: 0.01, errorAlpha: 0.015, latencyAlpha: 0.005 },
    });
  });

  it.each([
    ['flag: pattern-cache', 'flag: Pattern Cache', /canary.yaml:6: flag/, /got 'Pattern Cache'/],
    ['stages: [5, 25, 50, 100]', 'stages: [25, 5]', /rollout\.stages/, /must be ascending shares in percent/],
    ['database: 2', 'database: two', /redis\.database/, /an integer from 0 to 65535, got 'two'/],
    ['errorAlpha: 0.015', 'errorAlpha: 2.5', /judge\.errorAlpha/, /a number between 0 and 1, got '2.5'/],
    ['errorMargin:', 'errorMargn:', /canary.yaml/, /unknown key 'errorMargn'; did you mean 'errorMargin'/],
  ])('refuses %j changed to %j', (from, to, where, message) => {
    const file = written(from, to);
    const text = (() => {
      try {
        loadCanary(file);
        return '';
      } catch (error) {
        const { message: said, where: at } = error as Error & { where?: string };
        return `${at}\n${said}`;
      }
    })();
    expect(text).toMatch(where);
    expect(text).toMatch(message);
  });
});

describe('the switches of the environment', () => {
  const flags = (env: Record<string, string>) =>
    environmentFlags(() => readVariables({ env, directory: DIRECTORY })).read();

  it('are off unless set to true', () => {
    expect(flags({})).toEqual({ redisCache: false, patternCache: false });
    expect(flags({ ENABLE_REDIS_CACHE: 'true', ENABLE_PATTERN_CACHE: 'on' })).toEqual({
      redisCache: true,
      patternCache: true,
    });
  });

  it('follow a change to .env without a restart', () => {
    const source = environmentFlags(() => readVariables({ env: {}, directory: DIRECTORY }));
    writeFileSync(join(DIRECTORY, '.env'), 'ENABLE_REDIS_CACHE=true\nENABLE_PATTERN_CACHE=true\n');
    expect(source.read()).toEqual({ redisCache: true, patternCache: true });
    writeFileSync(join(DIRECTORY, '.env'), 'ENABLE_REDIS_CACHE=true\nENABLE_PATTERN_CACHE=false\n');
    expect(source.read()).toEqual({ redisCache: true, patternCache: false });
    rmSync(join(DIRECTORY, '.env'));
  });

  it('refuse any other value', () => {
    expect(() => flags({ ENABLE_PATTERN_CACHE: 'maybe' })).toThrow(/must be true or false, got 'maybe'/);
  });
});
