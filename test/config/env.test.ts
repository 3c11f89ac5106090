import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { environmentOverrides, readVariables, VARIABLES } from '../../config/env.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kit-env-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('variables', () => {
  it('come from .env, with the line number', () => {
    writeFileSync(join(dir, '.env'), '# cache\nREDIS_TTL=300\n\nexport CACHE_NAMESPACE="a b"\n');
    const found = readVariables({ env: {}, directory: dir });
    expect(found.get('REDIS_TTL')).toEqual({ text: '300', origin: `${join(dir, '.env')}:2` });
    expect(found.get('CACHE_NAMESPACE')).toEqual({ text: 'a b', origin: `${join(dir, '.env')}:4` });
  });

  it('override .env if the process sets them, and count as unset if they are empty', () => {
    writeFileSync(join(dir, '.env'), 'REDIS_TTL=300\nREDIS_PASSWORD=\n');
    const found = readVariables({ env: { REDIS_TTL: '5', REDIS_DB: '' }, directory: dir });
    expect(found.get('REDIS_TTL')).toEqual({ text: '5', origin: 'variable' });
    expect(found.has('REDIS_PASSWORD')).toBe(false);
    expect(found.has('REDIS_DB')).toBe(false);
  });

  it('are read from the process by default', () => {
    expect(readVariables().get('PATH')?.origin).toBe('variable');
  });

  it('cause an error that names .env if that file cannot be read', () => {
    mkdirSync(join(dir, '.env'));
    expect(() => readVariables({ env: {}, directory: dir })).toThrow(/cannot be read/);
  });

  it('do not override any setting if they are for an application connection', () => {
    const connection = Object.entries(VARIABLES).filter(([, { serves }]) => serves !== 'environment');
    const env = Object.fromEntries(connection.map(([name]) => [name, '1']));
    expect(environmentOverrides(readVariables({ env, directory: dir }))).toEqual([]);
  });

  it('override one setting each if they are for an environment', () => {
    for (const [name, { serves }] of Object.entries(VARIABLES)) {
      if (serves !== 'environment') continue;
      expect(
        environmentOverrides(readVariables({ env: { [name]: '1' }, directory: dir })),
        name,
      ).toHaveLength(1);
    }
  });

  it.each([
    ['true', true],
    ['YES', true],
    ['0', false],
    ['off', false],
    ['perhaps', 'perhaps'],
  ])('map %s to %s if they are switches', (text, value) => {
    const [override] = environmentOverrides(
      readVariables({ env: { CIRCUIT_BREAKER_ENABLED: text }, directory: dir }),
    );
    expect(override?.value).toBe(value);
  });

  it('keep text that is not a number, even if their unit is seconds', () => {
    const [override] = environmentOverrides(
      readVariables({ env: { CIRCUIT_BREAKER_TIMEOUT: '1m' }, directory: dir }),
    );
    expect(override).toMatchObject({ value: '1m', origin: 'variable CIRCUIT_BREAKER_TIMEOUT=1m' });
  });
});

describe('the compile cache', () => {
  it('is shared with the threads and processes that the process starts', () => {
    const script = `
      import { execFileSync } from 'node:child_process';
      import { enableCompileCache, getCompileCacheDir } from 'node:module';
      import { Worker } from 'node:worker_threads';
      import { shareCompiledCode } from '${pathToFileURL(resolve('config/env.ts'))}';
      enableCompileCache(${JSON.stringify(join(dir, 'cache'))});
      shareCompiledCode();
      const show = 'console.log(process.getBuiltinModule("module").getCompileCacheDir())';
      console.log(getCompileCacheDir());
      execFileSync(process.execPath, ['-e', show], { stdio: 'inherit' });
      new Worker(show, { eval: true });`;
    const { NODE_COMPILE_CACHE: _, NODE_DISABLE_COMPILE_CACHE: __, ...env } = process.env;
    const lines = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      env,
      encoding: 'utf8',
    });
    const [own, ...others] = lines.trim().split('\n');
    expect(own).toContain(join(dir, 'cache'));
    expect(others).toEqual([own, own]);
  });
});
