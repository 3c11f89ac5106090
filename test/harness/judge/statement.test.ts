/** Statements about hand-written runs: content, signature, and the archive of a run with its statement. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../../config/errors.ts';
import { drills } from '../../../harness/drills/index.ts';
import { analyzeRun } from '../../../harness/judge/index.ts';
import { statementOf } from '../../../harness/judge/statement.ts';
import { renderers } from '../../../harness/reports/index.ts';
import { kit } from '../../../scripts/program.ts';
import { catchKitError } from '../../support/kit-error.ts';
import { recordStreams } from '../../support/recorded-streams.ts';
import { ScratchRuns } from '../scratch-runs.ts';

let scratch: ScratchRuns;
let dir: string;
const fileOf = (name: string) => join(scratch.dir, name);

beforeAll(() => {
  scratch = new ScratchRuns();
  dir = createRun();
  for (const [name, type] of [
    ['ed', 'ed25519'],
    ['other', 'ed25519'],
    ['ec', 'ec'],
    ['rsa', 'rsa'],
  ] as const) {
    const { privateKey, publicKey } = generateKeyPairSync(type as 'rsa', {
      ...{ modulusLength: 2048, namedCurve: 'P-256' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    writeFileSync(fileOf(`${name}.pem`), privateKey);
    writeFileSync(fileOf(`${name}.pub`), publicKey);
  }
});
afterAll(() => scratch[Symbol.dispose]());

function createRun(): string {
  const folder = scratch.createRun({
    drills: drills.filter(({ id }) => id === 'hit-miss'),
    manifest: { kind: 'drill' },
  });
  const report = analyzeRun(folder.dir);
  for (const [name, render] of Object.entries(renderers)) folder.writeReport(name, render(report));
  return folder.dir;
}

async function call(...args: string[]) {
  const streams = recordStreams();
  const exitCode = await kit(args, streams, new AbortController().signal);
  return { exitCode, out: streams.out(), err: streams.err() };
}

const attest = (...args: string[]) => call('attest', dir, ...args);
const verify = (...args: string[]) => call('verify', dir, ...args);

describe('a statement', () => {
  it('contains the digests of the manifest and the seal, and the criteria by result', () => {
    const report = analyzeRun(dir);
    const statement = JSON.parse(statementOf(dir, renderers));
    expect(statement).toMatchObject({
      _type: 'https://in-toto.io/Statement/v1',
      predicateType: 'https://in-toto.io/attestation/test-result/v0.1',
      subject: [{ name: 'by-hand/manifest.json' }, { name: 'by-hand/seal.json' }],
      predicate: {
        result: report.verdict.decision === 'GO' ? 'PASSED' : 'FAILED',
        configuration: [
          { name: 'by-hand/config.json' },
          { name: 'by-hand/gates.json' },
          { name: 'by-hand/drills.json' },
        ],
        warnedTests: [],
      },
    });
    expect(statement.predicate.passedTests).toContain('evidence-complete');
    expect(statement.subject[1].digest.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is refused for a run whose evidence was altered', () => {
    const altered = scratch.copyRun(dir);
    appendFileSync(join(altered, 'trials/hit-miss-1/kit.jsonl'), '\n');
    expect(catchKitError(() => statementOf(altered, renderers))).toMatchObject({
      code: 'STATEMENT_REFUSED',
      message: expect.stringContaining('hit-miss-1/kit.jsonl'),
    });
  });
});

describe('kit attest and kit verify', () => {
  it.each(['ed', 'ec'])('sign with a key (%s) and check the signature', async (name) => {
    const file = fileOf(`${name}.json`);
    expect(await attest('--key', fileOf(`${name}.pem`), '--out', file)).toMatchObject({ exitCode: EXIT.GO });
    const checked = await verify('--statement', file, '--key', fileOf(`${name}.pub`));
    expect(checked).toMatchObject({ exitCode: EXIT.GO, out: expect.stringContaining('signed with the key') });
  });

  it('report a different key, a statement about another run, and a missing signature', async () => {
    const file = fileOf('signed.json');
    await attest('--key', fileOf('ed.pem'), '--out', file);
    const other = await verify('--statement', file, '--key', fileOf('other.pub'));
    expect(other).toMatchObject({
      exitCode: EXIT.NO_GO,
      out: expect.stringContaining('no signature was made with'),
    });

    const envelope = JSON.parse(readFileSync(file, 'utf8'));
    const payload = Buffer.from(envelope.payload, 'base64').toString().replace('by-hand', 'by-foot');
    writeFileSync(file, JSON.stringify({ ...envelope, payload: Buffer.from(payload).toString('base64') }));
    const changed = await verify('--statement', file, '--key', fileOf('ed.pub'));
    expect(changed.out).toMatch(/does not match this run[\s\S]*no signature was made with/);

    const plain = fileOf('plain.json');
    await attest('--out', plain);
    expect((await verify('--statement', plain)).exitCode).toBe(EXIT.GO);
    const unsigned = await verify('--statement', plain, '--key', fileOf('ed.pub'));
    expect(unsigned).toMatchObject({ exitCode: EXIT.NO_GO, out: expect.stringContaining('is not signed') });
  });

  it('reject other key types and state the reason', async () => {
    const { exitCode, err } = await attest('--key', fileOf('rsa.pem'));
    expect(exitCode).toBe(EXIT.USAGE);
    expect(err).toMatch(/must be an Ed25519 or ECDSA key, got rsa/);
  });

  it('refuse to write into the run folder, or into a folder that does not exist', async () => {
    for (const option of ['--out', '--bundle']) {
      const inside = await attest(option, join(dir, 'manifest.json'));
      expect(inside).toMatchObject({ exitCode: EXIT.USAGE, err: expect.stringMatching(/in the run folder/) });
    }
    const nowhere = await attest('--bundle', fileOf('missing/run.tar.gz'));
    expect(nowhere).toMatchObject({
      exitCode: EXIT.UNKNOWN,
      err: expect.stringMatching(/^kit: cannot write/),
    });
    expect((await verify()).exitCode).toBe(EXIT.GO);
  });

  it('reject a key without a statement, because the result would look like a verified signature', async () => {
    const { exitCode, err } = await verify('--key', fileOf('ed.pub'));
    expect(exitCode).toBe(EXIT.USAGE);
    expect(err).toMatch(/--statement is missing/);
  });

  it('create an archive that tar extracts into a run folder that passes verify', async () => {
    const archive = fileOf('run.tar.gz');
    expect((await attest('--bundle', archive)).exitCode).toBe(EXIT.GO);
    mkdirSync(fileOf('extracted'));
    execFileSync('tar', ['-xzf', archive, '-C', fileOf('extracted')]);
    const copy = join(fileOf('extracted'), 'by-hand');
    const verified = await call('verify', copy, '--statement', join(copy, 'report.statement.json'));
    expect(verified.exitCode, verified.out).toBe(EXIT.GO);
  });
});
