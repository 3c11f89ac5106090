import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { certificateChecks } from '../../../infra/certificates/expiry.ts';
import { makeCertificates } from '../../../infra/certificates/generate.ts';
import { temporaryStateDir } from '../substrates/local/fixtures.ts';

const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());

it('the doctor shows when a certificate expires, warns 30 days before, and fails once it has expired', async () => {
  const now = new Date('2030-01-01T00:00:00Z');
  const { cert } = await makeCertificates({ addresses: ['h'], environment: 'e', validDays: 40, now });
  mkdirSync(join(state.path, 'secure', 'tls'), { recursive: true });
  mkdirSync(join(state.path, 'plain'));
  writeFileSync(join(state.path, 'secure', 'tls', 'node.crt'), cert);
  const after = (days: number) => certificateChecks(state.path, new Date(now.getTime() + days * 86_400_000));
  expect(after(0)).toEqual([
    { id: 'certificate-secure', state: 'ok', found: '40 days left, expires on 2030-02-10', remedy: '' },
  ]);
  expect(after(15)).toMatchObject([{ state: 'warn', remedy: expect.stringContaining('runbook') }]);
  expect(after(41)).toMatchObject([{ state: 'fail', found: 'expired on 2030-02-10' }]);
  expect(certificateChecks(join(state.path, 'nowhere'))).toEqual([]);
});
