/** Classifies the output of a server. Pure. */

export type Outcome =
  | { readonly kind: 'started' }
  /** Rejected because of the file; `message` is the server's message. */
  | { readonly kind: 'refused'; readonly message: string }
  /** Rejected because of this machine or the server's build. */
  | { readonly kind: 'machine'; readonly message: string }
  /** Neither started nor exited within the time limit. */
  | { readonly kind: 'unknown'; readonly message: string };

/** Logged when a server accepts connections; a sentinel logs its id instead. */
const READY = /Ready to accept connections|ready to accept connections (?:at|unix)|Sentinel ID is/i;

export function isReady(output: string): boolean {
  return READY.test(output);
}

/**
 * Messages that do not depend on the text: something is missing, in use or not permitted on this machine, or missing
 * from the server's build.
 */
const OF_MACHINE: readonly RegExp[] = [
  /Can't chdir|Can't open the log file/,
  /No such file or directory|Permission denied|Is a directory|Read-only file system|File name too long/,
  /can't open config file/,
  /seems non existing or non executable/i,
  /Can't load module|Module .* failed to load/i,
  /compiled with a modified Jemalloc/,
  /Failed finding TLS support|TLS support not|without TLS/i,
  // Up to 7.0, a build without TLS does not recognize these directives.
  />>> '\s*"?tls-.* \/ Bad directive/,
  /Failed find(?:ing)? (?:connection )?listener/,
  /Failed to load certificate|Failed to load private key|Failed to configure CA certificate/,
  /Name or service not known|Temporary failure in name resolution|No address associated/,
  /Cannot assign requested address|EADDRNOTAVAIL/,
  /invalid locale name/i,
  /Out Of Memory|Cannot allocate memory/i,
  /Can't find the unix socket group|Invalid group|unixsocketgroup/i,
  /Protocol not available|Operation not (?:permitted|supported)|not supported by (?:this|the) (?:system|kernel)/i,
];

/** @param output of a server that exited on its own */
export function endedOutcome(output: string, code: number | null): Outcome {
  const whole = wholeMessage(output);
  const message = whole === '' ? `exit code ${code}` : whole.slice(0, MESSAGE_MAX_LENGTH);
  // An empty directory name is an error in the file: it does not exist on any machine.
  const isOfMachine = OF_MACHINE.some((pattern) => pattern.test(whole)) && !/>>> 'dir ""'/.test(whole);
  return { kind: isOfMachine ? 'machine' : 'refused', message };
}

const MESSAGE_MAX_LENGTH = 300;

export function messageOf(output: string): string {
  return wholeMessage(output).slice(0, MESSAGE_MAX_LENGTH);
}

/** Log lines that do not explain the exit. */
const NOISE =
  /^(?:WARNING|oO0|Warning: no config|Redis version|Valkey version|Configuration loaded|Server initialized)/;

/** Log lines that explain the exit: those after FATAL CONFIG, otherwise the last ones. */
function wholeMessage(output: string): string {
  const fatal = /\*\*\* FATAL CONFIG FILE ERROR[^\n]*\n([\s\S]*)$/.exec(output)?.[1];
  if (fatal !== undefined) return oneLine(fatal);
  const crash = /ASSERTION FAILED[^\n]*|crashed by signal[^\n]*/i.exec(output)?.[0];
  const logged = output
    .split('\n')
    .map((line) => /^\d+:\w \d+ \w+ \d{4} [\d:.]+ [#*] (.*)$/.exec(line)?.[1] ?? '')
    .filter((line) => line !== '' && !NOISE.test(line));
  return oneLine([...(crash === undefined ? [] : [crash]), ...logged.slice(-3)].join('\n'));
}

function oneLine(text: string): string {
  return text
    .trim()
    .split(/\s*\n\s*/)
    .join(' / ');
}
