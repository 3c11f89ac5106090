/**
 * The `kit doctor` checks that report when the certificates in a substrate's environments expire. Nodes do not report
 * the expiry, and clients fail only once a certificate has expired.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAbsent, readError } from '../host/disk.ts';
import type { DoctorCheck } from '../substrates/doctor.ts';
import { endOf } from './given.ts';

const DAY_MS = 86_400_000;
/**
 * Number of days before expiry at which the check starts to warn. Sentinel cannot load another certificate at run time,
 * so a rotation must be planned.
 */
const WARN_DAYS = 30;

/**
 * Returns the checks. @param root folder with one folder per environment, which contains `tls/node.crt` if TLS is
 * enabled
 */
export function certificateChecks(root: string, now = new Date()): readonly DoctorCheck[] {
  let names: readonly string[];
  try {
    names = readdirSync(root);
  } catch (error) {
    if (isAbsent(error)) return [];
    const { where = root, message, hint = '' } = readError(error, root);
    return [{ id: 'certificates', state: 'fail', found: `${where} ${message}`, remedy: hint }];
  }
  return names
    .map((name) => ({ name, path: join(root, name, 'tls', 'node.crt') }))
    .filter(({ path }) => existsSync(path))
    .map(({ name, path }): DoctorCheck => {
      const end = endOf(readFileSync(path, 'utf8'));
      const days = Math.floor((end.getTime() - now.getTime()) / DAY_MS);
      const state = days < 0 ? 'fail' : days < WARN_DAYS ? 'warn' : 'ok';
      const words = days < 0 ? 'expired' : `${days} days left, expires`;
      return {
        id: `certificate-${name}`,
        state,
        found: `${words} on ${end.toISOString().slice(0, 10)}`,
        remedy: state === 'ok' ? '' : 'docs/runbook.md, "Certificate expiry"',
      };
    });
}
