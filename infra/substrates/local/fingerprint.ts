/**
 * Fingerprint of a node: digests of everything that it reads on startup. The ledger stores the fingerprint of the last
 * start, so that a rolling change finds the nodes that differ. The files cannot be compared, because Redis and Sentinel
 * rewrite them.
 *
 * Passwords are left out: they change without a restart.
 */
import { sha256Hex } from '../../../config/digest.ts';
import { Secret } from '../../../config/secret.ts';
import { type EnvironmentSecrets, REDIS_USERS, SENTINEL_USERS } from '../../../config/secrets.ts';
import type { TopologyNode } from '../../topology.ts';
import { type CertificateTexts, installedCertificates } from './certificates.ts';
import { type Ledger, type NodeFingerprint, updateLedger } from './ledger.ts';
import { addressOf, type LocalContext } from './local-context.ts';
import { renderRedis, renderSentinel, renderUsers } from './rendering.ts';

const NO_PASSWORDS = {
  redis: passwordsOf(REDIS_USERS),
  sentinel: passwordsOf(SENTINEL_USERS),
} as EnvironmentSecrets;

function passwordsOf(users: readonly string[]) {
  return Object.fromEntries(users.map((user) => [user, new Secret(`password of ${user}`)]));
}

/**
 * Computes the fingerprint that the node would have if it were started now.
 *
 * @param certificates texts that would replace the certificate files before the start
 */
export function fingerprintOf(
  context: LocalContext,
  node: TopologyNode,
  certificates: CertificateTexts | undefined = context.tls && installedCertificates(context.tls),
): NodeFingerprint {
  const plain = { ...context, secrets: NO_PASSWORDS };
  const first = context.topology.redis[0]?.id ?? node.id;
  const { text } =
    node.role === 'redis'
      ? renderRedis(plain, node, undefined)
      : renderSentinel(plain, node, addressOf(context, first));
  const { path, provenance } = context.binary;
  return {
    settings: sha256Hex(text),
    users: sha256Hex(renderUsers(plain, node)),
    server: sha256Hex(`${path}\n${provenance}`),
    certificate: sha256Hex(
      certificates === undefined ? '' : [certificates.ca, certificates.cert, certificates.key].join('\n'),
    ),
  };
}

const WORDS: Readonly<Record<keyof NodeFingerprint, string>> = {
  settings: 'settings',
  users: 'users',
  server: 'server program',
  certificate: 'certificate',
};

/** Names the parts in which a node differs from its fingerprint in the ledger. */
export function fingerprintDifferences(
  found: NodeFingerprint | undefined,
  wanted: NodeFingerprint,
): readonly string[] {
  // The node was started by an older version of the kit.
  if (found === undefined) return ['unknown settings'];
  const parts = Object.keys(WORDS) as readonly (keyof NodeFingerprint)[];
  return parts.filter((part) => found[part] !== wanted[part]).map((part) => WORDS[part]);
}

/**
 * Records the fingerprint that takes effect when the node starts. If only some parts are given, an unknown fingerprint
 * stays unknown.
 *
 * @param parts parts to record; default: all
 */
export function recordFingerprint(
  context: LocalContext,
  node: TopologyNode,
  parts?: readonly (keyof NodeFingerprint)[],
): void {
  const wanted = fingerprintOf(context, node);
  updateLedger(context.stateDir, context.topology.environment.name, (ledger: Ledger) => {
    const before = ledger.fingerprints?.[node.id];
    if (before === undefined && parts !== undefined) return ledger;
    const applied =
      parts === undefined ? wanted : Object.fromEntries(parts.map((part) => [part, wanted[part]]));
    return {
      ...ledger,
      fingerprints: { ...ledger.fingerprints, [node.id]: { ...wanted, ...before, ...applied } },
    };
  });
}
