/** Classifies the output of a server. Pure. */

export type Outcome =
  | { readonly kind: 'started' }
  /** Because of the file: `message` is the server's own. */
  | { readonly kind: 'refused'; readonly message: string }
  /** Because of this machine, or of how the server was built. */
  | { readonly kind: 'machine'; readonly message: string }
  /** Neither started nor ended within the time limit. */
  | { readonly kind: 'unknown'; readonly message: string };

/** Logged when a server takes connections; a sentinel logs its id instead. */
const READY = /Ready to accept connections|ready to accept connections (?:at|unix)|Sentinel ID is/i;

export function isReady(output: string): boolean {
  return READY.test(output);
}

/**
 * Messages that say nothing about the text: something is missing on this machine, is taken or not permitted, or the server was
 * built without it.
 */
const OF_MACHINE: readonly RegExp[] = [
  /Can't chdir|Can't open the log file/,
  /No such file or directory|Permission denied|Is a directory|Read-only file system|File name too long/,
  /can't open config file/,
  /seems non existing or non executable/i,
  /Can't load module|Module .* failed to load/i,
  /compiled with a modified Jemalloc/,
  /Failed finding TLS support|TLS support not|without TLS/i,
  // Up to 7.0 a build without TLS does not have the directives at all.
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

/** `output` of a server that ended by itself. */
export function endedOutcome(output: string, code: number | null): Outcome {
  const whole = wholeMessage(output);
  const message = whole === '' ? `exit code ${code}` : whole.slice(0, MESSAGE_MAX_LENGTH);
  // An empty directory is a fault of the file: it is missing on every machine.
  const isOfMachine = OF_MACHINE.some((pattern) => pattern.test(whole)) && !/>>> 'dir ""'/.test(whole);
  return { kind: isOfMachine ? 'machine' : 'refused', message };
}

const MESSAGE_MAX_LENGTH = 300;

export function messageOf(output: string): string {
  return wholeMessage(output).slice(0, MESSAGE_MAX_LENGTH);
}

/** Lines of the log that say nothing about the end. */
const NOISE =
  /^(?:WARNING|oO0|Warning: no config|Redis version|Valkey version|Configuration loaded|Server initialized)/;

/** The lines that name the fault: those after FATAL CONFIG, or the last ones of the log. */
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
