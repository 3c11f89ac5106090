/** The artifacts of a run (its folder and the command output) contain no password. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { secretsFile } from '../../config/secrets.ts';
import { filesBelow } from '../../harness/evidence/run-folder.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { filesContaining, readPasswords } from '../support/passwords.ts';

const cli = new CliHarness();
let environment: string;

beforeAll(async () => {
  environment = cli.writeEnvironment('secretive');
  // Started separately, so that the environment keeps running. If the run had started it, the passwords would be
  // removed at the end of the run.
  expect((await cli.runKit('up', '--env', environment)).exitCode).toBe(EXIT.GO);
});
afterAll(() => cli[Symbol.asyncDispose]());

it('a run with a switchover, a crash and an ioredis client records no password', async () => {
  const drills = ['security', 'observability', 'replication', 'planned-switch', 'master-crash'];
  const run = await cli.runKit('drill', ...drills, '--env', environment, '--out', 'run');
  expect([EXIT.GO, EXIT.NO_GO, EXIT.UNKNOWN], run.err).toContain(run.exitCode);
  const passwords = readPasswords(secretsFile('secretive', join(cli.path, '.kit')));
  expect(passwords).toHaveLength(8);
  const folder = join(cli.path, 'run');
  expect(filesBelow(folder)).toEqual(
    expect.arrayContaining([
      ...['report.html', 'manifest.json', 'logs/redis-1.log'],
      'trials/configuration-1/events.jsonl',
    ]),
  );
  // The hash of a password is also a secret: servers report hashes (ACL LIST), and an attacker can find a weak password
  // from its hash.
  const hashes = passwords.map((password) => createHash('sha256').update(password).digest('hex'));
  expect(filesContaining(folder, [...passwords, ...hashes])).toEqual([]);
  // Positive control: the search finds a planted password.
  writeFileSync(join(folder, 'told.txt'), `so: ${passwords[3]}`);
  expect(filesContaining(folder, passwords)).toEqual(['told.txt']);
  for (const password of passwords) expect(run.out + run.err).not.toContain(password);
});
