/** Checks for single-word values other than numbers and choices: `isValid…` in config.c. */
import { atLeast, type ServerVersion } from '../../server-version.ts';
import { isIpv6, isStrictIpv4 } from './addresses.ts';
import { cString } from './numbers.ts';
import { type Check, problem, splitsQuotedLists } from './value.ts';

/** Returns the number of bytes of the text in UTF-8, which is what the server counts. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Whether the text is a file name without a folder, as `pathIsBaseName` checks. */
const isFileName = (text: string) => !/[/\\]/.test(text);

/** Whether the text is `.` or `..`, which exist in every directory. */
const isDirectory = (text: string) => /^\.\.?$/.test(text);

const valkeyFrom = ({ family, version }: ServerVersion, wanted: string) =>
  family === 'valkey' && atLeast(version, wanted);

/** Checks dbfilename: a file in the directory `dir`; Valkey 8 and newer also refuse an empty name. */
export const snapshotFile: Check = ([word = ''], server) => {
  const text = cString(word);
  const isRefused = !isFileName(text) || isDirectory(text) || (text === '' && valkeyFrom(server, '8.0'));
  return isRefused ? problem(text, 'a file name without a path; set the path with dir') : undefined;
};

/** Checks appendfilename; 6.2 accepts an empty name. */
export const appendFile: Check = ([word = ''], server) => {
  const text = cString(word);
  const isRefused = !isFileName(text) || (text === '' && splitsQuotedLists(server));
  return isRefused ? problem(text, 'a file name without a path; set the path with dir') : undefined;
};

export const appendDirectory: Check = ([word = '']) => {
  const text = cString(word);
  return text === '' || !isFileName(text) ? problem(text, 'a directory name without a path') : undefined;
};

/** NET_HOST_STR_LEN is 256, including the terminating zero. */
const HOST_NAME_MAX_BYTES = 255;

export const hostName: Check = ([word = '']) => {
  const text = cString(word);
  const isRefused = !/^[A-Za-z0-9.-]*$/.test(text) || byteLength(text) > HOST_NAME_MAX_BYTES;
  return isRefused
    ? problem(shorten(text), `up to ${HOST_NAME_MAX_BYTES} letters, digits, hyphens and dots`)
    : undefined;
};

/**
 * Characters that a node name must not contain. Measured on 7.2.6 and 8.2.3; Valkey 8 accepts the colon, Valkey 9.1
 * checks the name like an address.
 */
const NODE_NAME_FORBIDDEN = /[!#$%&()*+:;<>?@[\]^{|}~]/;

/** Characters that an address must not contain, in addition to control characters. Measured on Valkey 9.1.2. */
const ADDRESS_FORBIDDEN = /[ !"#$%&'()*+,;<=>?@[\\\]^{|}~]/;

export const nodeName: Check = ([text = ''], server) => {
  if (valkeyFrom(server, '9.1')) return findForbidden(text, isForbiddenInAddress);
  const isForbidden = (character: string) =>
    NODE_NAME_FORBIDDEN.test(character) && !(character === ':' && valkeyFrom(server, '8.0'));
  return findForbidden(text, isForbidden);
};

function isForbiddenInAddress(character: string): boolean {
  return ADDRESS_FORBIDDEN.test(character) || character < ' ' || character === '\x7f';
}

/** NET_IP_STR_LEN is 46, including the terminating zero. */
const ADDRESS_MAX_BYTES = 45;

/** Checks cluster-announce-ip: Valkey 9.1 checks it; older servers accept any text. */
export const announcedAddress: Check = ([text = ''], server) => {
  if (!valkeyFrom(server, '9.1')) return undefined;
  if (byteLength(text) > ADDRESS_MAX_BYTES) {
    return problem(shorten(text), `an address of up to ${ADDRESS_MAX_BYTES} bytes`);
  }
  return findForbidden(text, isForbiddenInAddress);
};

function findForbidden(text: string, isForbidden: (character: string) => boolean) {
  const character = [...text].find(isForbidden);
  return character === undefined
    ? undefined
    : problem(shorten(text), `a name without ${JSON.stringify(character)}`);
}

export const ipv4: Check = ([text = '']) =>
  text === '' || isStrictIpv4(text) ? undefined : problem(text, 'an IPv4 address such as 10.0.0.1, or ""');

export const ipv6: Check = ([text = '']) =>
  text === '' || isIpv6(text) ? undefined : problem(text, 'an IPv6 address such as fd00::1, or ""');

export const notEmptyInValkey: Check = ([text = ''], server) =>
  text === '' && valkeyFrom(server, '8.0') ? problem('', 'a file name') : undefined;

/** Checks a directory: chdir("") fails on every system. */
export const directory: Check = ([text = '']) =>
  cString(text) === '' ? problem('', 'a directory that exists') : undefined;

/** Size of sun_path on Linux, including the terminating zero. */
const SOCKET_PATH_MAX_BYTES = 107;

/** Checks the path of a socket. Servers up to 6.2 truncate a longer path. */
export const socketPath: Check = ([text = ''], server) => {
  const isLong = byteLength(cString(text)) > SOCKET_PATH_MAX_BYTES && splitsQuotedLists(server);
  return isLong || isDirectory(text)
    ? problem(shorten(text), `a path of up to ${SOCKET_PATH_MAX_BYTES} bytes that is not a directory`)
    : undefined;
};

const HASH_SEED_MAX_BYTES = 256;

export const hashSeed: Check = ([text = '']) =>
  byteLength(text) > HASH_SEED_MAX_BYTES
    ? problem(shorten(text), `up to ${HASH_SEED_MAX_BYTES} bytes`)
    : undefined;

/** Checks notify-keyspace-events: one letter per class of events (notify.c). */
export const eventClasses: Check = ([text = ''], server) => {
  const newer = splitsQuotedLists(server) ? 'n' : '';
  // Measured on 8.2.3: o (overwritten) and c (type changed).
  const newest = server.family === 'redis' && atLeast(server.version, '8.2') ? 'oc' : '';
  const allowed = `Ag$lshzxeKEtmd${newer}${newest}`;
  const unknown = [...cString(text)].find((letter) => !allowed.includes(letter));
  return unknown === undefined ? undefined : problem(text, `letters out of ${allowed}, or ""`);
};

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
