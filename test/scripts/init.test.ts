import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { loadEnvironment } from '../../config/load.ts';
import { loadOwnGates } from '../../config/own-gates.ts';
import { findProject } from '../../config/project.ts';
import { kit } from '../../scripts/program.ts';
import { recordStreams } from '../support/recorded-streams.ts';

const dir = mkdtempSync(join(tmpdir(), 'kit-init-'));
afterAll(() => rmSync(dir, { recursive: true }));

async function call(...args: string[]) {
  const streams = recordStreams();
  const exitCode = await kit(args, streams, new AbortController().signal);
  return { exitCode, out: streams.out(), err: streams.err() };
}

/** Uncomments the examples, so that they become settings. */
const uncommented = (text: string): string => text.replace(/^( *)# (?=( *)(?:- |\w[\w-]*:( |$)))/gm, '$1');

describe('kit init', () => {
  it('writes a file with an environment that can be loaded, and names the next command', async () => {
    const file = join(dir, 'one', 'kit.yaml');
    const { exitCode, out } = await call('init', '--config', file);
    expect(exitCode).toBe(EXIT.GO);
    expect(out).toContain(`next: kit readiness --env app --config ${file}`);
    const app = loadEnvironment('app', {}, new Map(), findProject(file));
    expect(app).toMatchObject({ name: 'app', client: { namespace: 'app' }, topology: { kind: 'sentinel' } });
  });

  it('points editors to the schema in the installed package, in the first line', async () => {
    const file = join(dir, 'two.yaml');
    await call('init', '--config', file);
    const [first] = readFileSync(file, 'utf8').split('\n');
    expect(first).toBe(
      '# yaml-language-server: $schema=./node_modules/redis-cache-kit/docs/schemas/kit.schema.json',
    );
  });

  it('writes only valid examples', async () => {
    const file = join(dir, 'examples.yaml');
    await call('init', '--config', file);
    const [, ...lines] = readFileSync(file, 'utf8').split('\n');
    writeFileSync(file, uncommented(lines.join('\n')));
    const project = findProject(file);
    expect(Object.keys(project.environments)).toEqual(['app', 'app-without-persistence']);
    expect([project.gates, project.waivers, project.modules].map(({ length }) => length)).toEqual([1, 1, 1]);
    const app = loadEnvironment('app-without-persistence', {}, new Map(), project);
    expect(app.redis.appendonly).toBe(false);
    const waivers = { file, waivers: project.waivers };
    const gates = loadOwnGates({ files: [], waivers, today: new Date().toISOString() });
    expect(gates.waivers).toHaveLength(1);
  });

  it('overwrites a file only with --force', async () => {
    const file = join(dir, 'mine.yaml');
    writeFileSync(file, 'mine');
    const refused = await call('init', '--config', file);
    expect(refused.exitCode).toBe(EXIT.USAGE);
    expect(refused.err).toContain('exists already');
    expect(refused.err).toContain('--force');
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect((await call('init', '--force', '--config', file)).exitCode).toBe(EXIT.GO);
    expect(readFileSync(file, 'utf8')).toContain('extends: dev');
  });
});

describe('--config', () => {
  it('finds the environments in a file, and lists them with the built-in ones if a name is unknown', async () => {
    const file = join(dir, 'given.yaml');
    writeFileSync(file, 'environments: { shop: { extends: dev } }\n');
    const { exitCode, err } = await call('up', '--env', 'shopp', '--config', file);
    expect(exitCode).toBe(EXIT.USAGE);
    expect(err).toMatch(/did you mean 'shop'\?.*available: cluster, dev, production, shop/);
    expect(err).toContain(`${file}, config/environments`);
  });

  it('causes an error if the path does not exist', async () => {
    const { exitCode, err } = await call('down', '--env', 'shop', '--config', join(dir, 'none.yaml'));
    expect(exitCode).toBe(EXIT.USAGE);
    expect(err).toContain(join(dir, 'none.yaml'));
  });
});
