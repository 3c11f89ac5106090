/**
 * Checks that nodes with the current and nodes with the next certificates accept each other, before a rolling change
 * replaces a node. During the change they connect to each other in both directions: replicas and sentinels are clients
 * of the other nodes, and replicas become masters.
 *
 *   current certificate of each node ─▶ verified with the next CA certificates
 *   next certificate, presented as a client ─▶ verified by each node with its current CA certificates
 *
 * The running nodes are queried, because a file may have changed since a node read it, and after an interruption some
 * nodes have read the new files. Left out: clients, because the kit cannot determine which authorities they trust.
 */
import { type ConnectionOptions, connect } from 'node:tls';
import { KitError } from '../../../config/errors.ts';
import { environmentFlags } from '../../../config/load.ts';
import type { Environment } from '../../substrates/environment.ts';
import type { Address } from '../../topology.ts';

/** PEM texts of the certificates with which the nodes will start. */
export interface NextCertificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Result of the handshakes with one node; a reason is absent if there is no problem. */
export interface NodeTrust {
  readonly id: string;
  /** Reason why the next CA certificates do not verify the node's current certificate: `CERT_HAS_EXPIRED`. */
  readonly unverified?: string | undefined;
  /** Reason why the node rejects the next certificate: `tlsv1 alert unknown ca`. */
  readonly rejection?: string | undefined;
}

/** Timeout of a handshake, in ms: long, because a busy machine must not cause a refusal. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Queries every running node. A node that completes no handshake is left out: either it is replaced first, or the
 * change is refused because the node is not healthy (`roll.ts`).
 *
 * @throws KitError `CERTIFICATE_UNTRUSTED` with all problems and the next step
 */
export async function requireMutualTrust(environment: Environment, next: NextCertificates): Promise<void> {
  const running = (await environment.status()).filter(({ state }) => state === 'running');
  const nodes = await Promise.all(
    running.map(async ({ id, address }) => ({ id, ...(await probeNode(address, next)) })),
  );
  const problem = trustProblem(nodes);
  if (problem === undefined) return;
  const { name, topology } = environment;
  const { certificates } = topology.environment.security;
  const flags = environmentFlags(topology.environment);
  const substrate = environment.substrate === 'local' ? '' : ` --substrate ${environment.substrate}`;
  throw new KitError(problem.message, {
    code: 'CERTIFICATE_UNTRUSTED',
    where: certificates?.ca ?? name,
    hint: `nothing was changed; ${problem.remedy} (kit apply ${flags}${substrate}; docs/runbook.md, "Certificate expiry")`,
  });
}

/** Returns the problems of all nodes in one sentence, and the next step; undefined if there are none. Pure. */
export function trustProblem(
  nodes: readonly NodeTrust[],
): { readonly message: string; readonly remedy: string } | undefined {
  const rejecting = describeNodes(nodes, ({ rejection }) => rejection);
  const unverified = describeNodes(nodes, (node) => node.unverified);
  if (rejecting === undefined && unverified === undefined) return undefined;
  const messages = [
    ...(rejecting === undefined ? [] : [`the new certificate is rejected by ${rejecting}`]),
    ...(unverified === undefined
      ? []
      : [`the new CA certificates do not verify the current certificate of ${unverified}`]),
  ];
  return { message: messages.join('; '), remedy: remedyFor(nodes) };
}

function remedyFor(nodes: readonly NodeTrust[]): string {
  if (nodes.some(({ unverified }) => unverified === 'CERT_HAS_EXPIRED'))
    return 'an expired certificate cannot be replaced node by node: restart all nodes with the new one';
  if (nodes.some(({ rejection }) => rejection !== undefined))
    return 'make three changes: both CA certificates in one file, with the previous certificate and key; then the new certificate and key; then only the new CA certificate';
  return 'keep the previous CA certificate in the file until every node has a certificate of the new authority';
}

/** Returns `redis-1, redis-2 (tlsv1 alert unknown ca)`; undefined if no node has a reason. */
function describeNodes(
  nodes: readonly NodeTrust[],
  reasonOf: (node: NodeTrust) => string | undefined,
): string | undefined {
  const found = nodes.filter((node) => reasonOf(node) !== undefined);
  if (found.length === 0) return undefined;
  const reasons = [...new Set(found.map(reasonOf))];
  return `${found.map(({ id }) => id).join(', ')} (${reasons.join(', ')})`;
}

async function probeNode(
  address: Address,
  { ca, cert, key }: NextCertificates,
): Promise<Omit<NodeTrust, 'id'>> {
  const anonymous = await handshake(address, { ca });
  if ('failure' in anonymous) return {};
  const asClient = await handshake(address, { ca, cert, key });
  return {
    unverified: anonymous.unverified,
    rejection: 'failure' in asClient ? asClient.failure : undefined,
  };
}

type Handshake = { readonly unverified: string | undefined } | { readonly failure: string };

/**
 * Connects and disconnects. TLS 1.2, because its handshake ends only after the node has verified the certificate of the
 * client; with TLS 1.3 the client would have to wait for a reply to a command.
 */
function handshake(address: Address, options: ConnectionOptions): Promise<Handshake> {
  return new Promise((resolve) => {
    const socket = connect({
      ...{ ...address, ...options, timeout: HANDSHAKE_TIMEOUT_MS, maxVersion: 'TLSv1.2' },
      // The result is read from the socket. The addresses that a certificate must cover are checked when it is read.
      ...{ rejectUnauthorized: false, checkServerIdentity: () => undefined },
    });
    const end = (result: Handshake): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('secureConnect', () => {
      const { authorized, authorizationError } = socket;
      end({ unverified: authorized ? undefined : String(authorizationError) });
    });
    // A node that closes the connection may cause a second error, which must have a listener as well.
    socket.on('error', (error: Error & { readonly reason?: string }) =>
      end({ failure: error.reason ?? error.message }),
    );
    socket.once('timeout', () => end({ failure: `timed out after ${HANDSHAKE_TIMEOUT_MS} ms` }));
  });
}
