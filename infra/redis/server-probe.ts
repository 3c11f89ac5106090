/**
 * Probes the features of a server program without side effects: provides configurations with which the program exits
 * before it opens or binds anything, and interprets its output. Pure; a substrate runs `SERVER -` with the text on
 * standard input.
 */

/** An unknown directive, which always ends the probe. */
const END_LINE = 'kit-probe-ends-here yes';

export const DEFRAGMENTATION_PROBE = `activedefrag yes\n${END_LINE}\n`;

/**
 * Whether the server supports defragmentation. Servers read line by line and report the first invalid line. If this is
 * the last line of the probe, the line before it was accepted.
 */
export function hasDefragmentation(output: string): boolean {
  return output.includes(`>>> '${END_LINE}'`);
}

const NOWHERE = '/nonexistent/kit-probe.pem';

/**
 * Configuration that starts the server with a TLS port and a missing certificate. A server with TLS exits because it
 * cannot load the certificate, a server without TLS because it cannot listen with TLS; both exit before they bind a
 * port. Accepted directives prove nothing: Redis 8.2 and Valkey 9 built without TLS accept them.
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
