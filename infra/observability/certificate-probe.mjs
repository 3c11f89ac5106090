/**
 * Exposes to Prometheus the expiry date of the certificate that each node presents: neither Redis nor the exporter
 * reports it, and clients fail only once the certificate has expired. Plain JavaScript without dependencies: it also
 * runs in a container.
 *
 *   node certificate-probe.mjs CONFIGURATION.json
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:tls';

const HANDSHAKE_TIMEOUT_MS = 2_000;

/**
 * @typedef {{ readonly id: string, readonly host: string, readonly port: number }} NodeAddress
 * @typedef {{ readonly listen: { readonly host: string, readonly port: number }, readonly nodes: readonly NodeAddress[] }} ProbeConfiguration
 */

/** @type {ProbeConfiguration} */
const { listen, nodes } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));

/**
 * Returns the expiry of the node's certificate, in seconds since 1970; undefined if the node does not reply. Expired
 * certificates are read as well: nothing is sent over this connection.
 *
 * @param {NodeAddress} node
 * @returns {Promise<number | undefined>}
 */
function readExpiry({ host, port }) {
  return new Promise((resolve) => {
    const socket = connect({ host, port, rejectUnauthorized: false, timeout: HANDSHAKE_TIMEOUT_MS }, () => {
      const end = Date.parse(socket.getPeerCertificate().valid_to);
      socket.destroy();
      resolve(Number.isNaN(end) ? undefined : end / 1_000);
    });
    const fail = () => {
      socket.destroy();
      resolve(undefined);
    };
    socket.on('error', fail);
    socket.on('timeout', fail);
  });
}

const HEAD = `# HELP kit_certificate_not_after_seconds End of the validity of the certificate that the node presents.
# TYPE kit_certificate_not_after_seconds gauge
`;

createServer(async ({ url }, response) => {
  // The health check of the container: no connections to the nodes.
  if (url === '/health') {
    response.end();
    return;
  }
  const ends = await Promise.all(nodes.map(readExpiry));
  const lines = nodes.flatMap(({ id }, i) =>
    ends[i] === undefined ? [] : [`kit_certificate_not_after_seconds{node="${id}"} ${ends[i]}\n`],
  );
  response.setHeader('content-type', 'text/plain; version=0.0.4').end(HEAD + lines.join(''));
}).listen(listen.port, listen.host);
