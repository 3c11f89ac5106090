/**
 * The installed package deploys to an engine. It has no CDKTF command line, runs in the user's folder, and writes
 * nothing into the package.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { imagesFile } from '../infra/substrates/docker/images.ts';
import { describeOnEngine } from './infra/substrates/docker/fixtures.ts';
import { installInEmptyProject, packKit, type Unavailable } from './support/npm.ts';

const run = promisify(execFile);
const PROJECT = `environments:
  packed:
    extends: single
    docker: { ports: { redis: 29800, sentinel: 29810, exporter: 29820, commander: 29821 } }
`;

describeOnEngine('the installed package', () => {
  let dir: string;
  let app: string;
  let missing: Unavailable | undefined;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'kit-packed-'));
    app = join(dir, 'app');
    missing = await installInEmptyProject(await packKit(dir), app);
    writeFileSync(join(app, 'kit.yaml'), PROJECT);
    const images = imagesFile(join(app, '.kit'));
    await mkdir(dirname(images), { recursive: true });
    await cp(imagesFile(resolve('.kit')), images);
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const kit = async (...args: readonly string[]) =>
    (await run(process.execPath, [join(app, 'node_modules/.bin/kit'), ...args], { cwd: app })).stdout;

  it('the installed package deploys an environment of kit.yaml, finds no drift, and destroys it', async (context) => {
    if (missing !== undefined) return context.skip(missing.missing);
    const on = ['--env', 'packed', '--substrate', 'docker'];
    try {
      expect(await kit('up', ...on)).toMatch(/^packed \(docker\): healthy/);
      expect(await kit('drift', '--env', 'packed')).toContain('no drift');
    } finally {
      expect(await kit('down', ...on)).toMatch(/^packed: stopped redis-1/);
    }
    expect(await kit('down', ...on)).toContain('nothing to stop');
  });
});
