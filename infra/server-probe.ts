/**
 * Harmless questions to a server program about what it can do: configurations that end it before it opens or binds
 * anything, and what its output means. Pure; a substrate runs `SERVER -` with the text on standard input.
 */

/** A directive that no server knows: the probe always ends here at the latest. */
const END_LINE = 'kit-probe-ends-here yes';

export const DEFRAGMENTATION_PROBE = `activedefrag yes\n${END_LINE}\n`;

/** Servers read line by line and name the first bad one: was it ours, the line before it was accepted. */
export function hasDefragmentation(output: string): boolean {
  return output.includes(`>>> '${END_LINE}'`);
}

const NOWHERE = '/nonexistent/kit-probe.pem';

/**
 * Starts the server with a TLS port and a certificate that does not exist. With TLS it ends because it cannot load the
 * certificate, without TLS because it cannot listen with TLS, both before it binds a port. Whether it knows the
 * directives shows nothing: Redis 8.2 and Valkey 9 built without TLS accept them.
 */
export const TLS_PROBE = `${[
  'port 0',
  'bind 127.0.0.1',
  'tls-port 1',
  `tls-cert-file ${NOWHERE}`,
  `tls-key-file ${NOWHERE}`,
  `tls-ca-cert-file ${NOWHERE}`,
  'save ""',
  'daemonize no',
].join('\n')}\n`;

export function hasTls(output: string): boolean {
  return /Failed to load certificate|Failed to configure TLS/.test(output);
}
