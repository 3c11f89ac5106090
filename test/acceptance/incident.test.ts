/** A `kit incident` report is complete, contains no password, and is sealed. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { secretsFile } from '../../config/secrets.ts';
import { filesBelow } from '../../harness/evidence/run-folder.ts';
import { redactor } from '../../infra/operations/incident/redaction.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { filesContaining, readPasswords } from '../support/passwords.ts';

const cli = new CliHarness();
let environment: string;
const folder = join(cli.path, 'post-mortem');

beforeAll(async () => {
  environment = cli.writeEnvironment('incident', {
    'observability.webhook': 'https://hooks.example.org/services/webhookSecret',
  });
  expect((await cli.runKit('up', '--env', environment)).exitCode).toBe(EXIT.GO);
});
afterAll(() => cli[Symbol.asyncDispose]());

const collect = (...args: string[]) => cli.runKit('incident', '--env', environment, '--json', ...args);

describe('kit incident', () => {
  it('collects what a post-mortem needs, and names what it could not collect', async () => {
    const ledger = cli.readLedger('incident');
    await cli.killProcess(Number(ledger?.processes['redis-3']?.pid));
    const { exitCode, out, err } = await collect('--to', folder);
    expect(exitCode, err).toBe(EXIT.GO);
    const { missing } = JSON.parse(out) as { missing: string[] };
    expect(missing).toEqual([
      expect.stringMatching(/^redis-3: /),
      'metrics: observability.prometheus is false',
    ]);
    expect(filesBelow(folder)).toEqual(
      expect.arrayContaining([
        ...['manifest.json', 'roles.json', 'environment.json', 'events.txt'],
        ...['configuration.json', 'slowlog.json', 'latency.json', 'memory-doctor.txt'].map(
          (name) => `nodes/redis-1/${name}`,
        ),
        ...['nodes/sentinel-1/master.json', 'logs/redis-3.log', 'logs/sentinel-1.log'],
      ]),
    );
    const configuration = JSON.parse(readFileSync(join(folder, 'nodes/redis-1/configuration.json'), 'utf8'));
    expect(configuration).toMatchObject({
      maxmemory: '268435456',
      masterauth: '[redacted]',
      requirepass: '',
    });
  });

  it('stores neither a password nor a password hash', () => {
    const passwords = readPasswords(secretsFile('incident', join(cli.path, '.kit')));
    expect(passwords).toHaveLength(8);
    const hashes = passwords.map((password) => createHash('sha256').update(password).digest('hex'));
    expect(filesContaining(folder, [...passwords, ...hashes, 'webhookSecret'])).toEqual([]);
    // Positive control: the search finds a planted password.
    writeFileSync(join(cli.path, 'told.txt'), `so: ${passwords[3]}`);
    expect(filesContaining(cli.path, passwords)).toContain('told.txt');
  });

  it('seals the report: --check names a changed file, an added file and a changed manifest', async () => {
    expect(await cli.runKit('incident', '--check', folder)).toMatchObject({ exitCode: EXIT.GO });
    writeFileSync(join(folder, 'events.txt'), 'nothing happened\n');
    writeFileSync(join(folder, 'added.txt'), '');
    const manifest = readFileSync(join(folder, 'manifest.json'), 'utf8');
    writeFileSync(join(folder, 'manifest.json'), manifest.replace('"local"', '"docker"'));
    const { exitCode, out } = await cli.runKit('incident', '--check', folder);
    expect(exitCode).toBe(EXIT.NO_GO);
    expect(out).toBe('changed: added.txt\nchanged: events.txt\nchanged: manifest.json\n');
  });

  it('refuses to write into a folder that contains files, and to check a folder that is not a report', async () => {
    expect(await collect('--to', folder)).toMatchObject({
      exitCode: EXIT.USAGE,
      out: expect.stringContaining('FOLDER_NOT_EMPTY'),
    });
    const other = await cli.runKit('incident', '--check', cli.path, '--json');
    expect(other.out).toContain('INCIDENT_INVALID');
  });
});

describe('the redaction', () => {
  it('removes a password in its JSON and URL encodings', () => {
    const redact = redactor(['pass"word/1']);
    expect(
      redact(
        JSON.stringify({ url: `redis://${encodeURIComponent('pass"word/1')}@host`, key: 'pass"word/1' }),
      ),
    ).toBe('{"url":"redis://[redacted]@host","key":"[redacted]"}');
  });

  it('removes secrets of other environments, which it recognizes by the name of the setting', () => {
    const redact = redactor([]);
    expect(redact('requirepass formerSecret1\nsentinel auth-pass mymaster formerSecret2\n')).toBe(
      'requirepass [redacted]\nsentinel auth-pass mymaster [redacted]\n',
    );
    expect(redact('user old on >plainSecret #0123456789abcdef ~* +@all')).toBe(
      'user old on >[redacted] #[redacted] ~* +@all',
    );
    expect(redact('maxmemory 256mb')).toBe('maxmemory 256mb');
    const slowlog = (...args: string[]) => JSON.stringify([1, args], null, 2);
    expect(redact(slowlog('CONFIG', 'SET', 'requirepass', 'former"Secret', 'maxmemory', '1'))).toBe(
      slowlog('CONFIG', 'SET', 'requirepass', '[redacted]', 'maxmemory', '1'),
    );
    expect(redact(slowlog('SENTINEL', 'SET', 'mymaster', 'auth-pass', 'formerSecret'))).toBe(
      slowlog('SENTINEL', 'SET', 'mymaster', 'auth-pass', '[redacted]'),
    );
  });
});
