/** Checks for directives with several arguments: the `setConfig…Option` functions in config.c. */
import { parseAddress } from './addresses.ts';
import { atoi, cString, parseFloatingPoint, parseMemory, parsePrefix } from './numbers.ts';
import { type Check, type Problem, problem, quote, splitsQuotedLists } from './value.ts';

const joinArguments = (args: readonly string[]) => args.map((arg) => (arg === '' ? '""' : arg)).join(' ');

/** Parses a word that `strtoll` reads completely; an empty word reads as 0. */
function wholeNumber(text: string): bigint | undefined {
  const { value, rest } = parsePrefix(cString(text));
  return rest === '' ? value : undefined;
}

const SAVE_ALLOWED = 'pairs of seconds (1 or more) and changes (0 or more), or ""';

export const savePoints: Check = (args, server) => {
  if (!splitsQuotedLists(server)) {
    // 6.2 reads one pair; with any other number of arguments it ignores the line.
    const isBad = args.length === 2 && (atoi(args[0] ?? '') < 1 || atoi(args[1] ?? '') < 0);
    return isBad ? problem(joinArguments(args), SAVE_ALLOWED) : undefined;
  }
  if (args.length === 1 && args[0] === '') return undefined;
  if (args.length % 2 !== 0) return problem(joinArguments(args), SAVE_ALLOWED);
  const bad = args.find((text, i) => {
    const value = wholeNumber(text);
    return value === undefined || value < (i % 2 === 0 ? 1n : 0n);
  });
  return bad === undefined ? undefined : problem(joinArguments(args), SAVE_ALLOWED);
};

const CLASSES = /^(?:normal|slave|replica|pubsub)$/i;
const LIMIT_ALLOWED =
  'groups of four: normal, replica or pubsub, a hard limit, a soft limit (sizes), seconds (0 or more)';

export const outputBufferLimits: Check = (args, server) => {
  const isOld = !splitsQuotedLists(server);
  if (isOld ? args.length !== 4 : args.length % 4 !== 0) return problem(joinArguments(args), LIMIT_ALLOWED);
  for (let i = 0; i < args.length; i += 4) {
    const [name = '', hard = '', soft = '', seconds = ''] = args.slice(i, i + 4);
    if (!CLASSES.test(name)) return problem(name, 'normal, replica (slave) or pubsub');
    if (isOld) {
      // 6.2 ignores errors in the sizes, and drops everything after the seconds.
      if (atoi(seconds) < 0) return problem(seconds, 'seconds, 0 or more');
      continue;
    }
    const badSize = [hard, soft].find((size) => parseMemory(cString(size), server) === undefined);
    if (badSize !== undefined) return problem(badSize, 'a size such as 256mb, or 0 for no limit');
    const value = wholeNumber(seconds);
    if (value === undefined || BigInt.asIntN(32, value) < 0n) return problem(seconds, 'seconds, 0 or more');
  }
  return undefined;
};

const OOM_ALLOWED = 'three whole numbers from -2000 to 2000: of a master, a replica, a background child';

export const oomScoreValues: Check = (args) => {
  const isBad = args.some((text) => {
    const value = wholeNumber(text);
    return value === undefined || value < -2000n || value > 2000n;
  });
  return args.length !== 3 || isBad ? problem(joinArguments(args), OOM_ALLOWED) : undefined;
};

export const percentiles: Check = (args, server) => {
  if (args.length === 1 && args[0] === '') return undefined;
  const bad = args.find((text) => {
    const value = parseFloatingPoint(text, server);
    return value === undefined || value < 0 || value > 100;
  });
  return bad === undefined ? undefined : problem(bad, 'numbers from 0 to 100, or ""');
};

/** Checks the address of a master. Also accepts `replicaof no one`, which means that the node is a master. */
export const masterAddress: Check = (args) => {
  const allowed = 'the address and the port of the master (0 to 65535), or: no one';
  const [host = '', port = ''] = args;
  if (args.length !== 2) return problem(joinArguments(args), allowed);
  if (/^no$/i.test(host) && /^one$/i.test(port)) return undefined;
  const value = wholeNumber(port);
  const held = value === undefined ? -1n : BigInt.asIntN(32, value);
  return held < 0n || held > 65_535n ? problem(port, allowed) : undefined;
};

/** CONFIG_BINDADDR_MAX */
const ADDRESSES_MAX = 16;

export const bindAddresses: Check = (args, server) => {
  if (args.length === 0 && !splitsQuotedLists(server)) return problem('', 'one address or several');
  if (args.length > ADDRESSES_MAX) return problem(joinArguments(args), `at most ${ADDRESSES_MAX} addresses`);
  if (args.length === 1 && args[0] === '' && splitsQuotedLists(server)) return undefined;
  return args.map(badAddress).find((each) => each !== undefined);
};

const IPV4_MAPPED = '0:0:0:0:0:ffff:';

/**
 * Returns the problem with a word that no resolver accepts: the server starts only if it can listen on every address.
 */
function badAddress(word: string): Problem | undefined {
  const address = word.replace(/^-/, '');
  const allowed = 'local addresses, * and ::*, each preceded by - if it is allowed to be missing';
  if (address === '*' || address === '::*') return undefined;
  if (address.startsWith('#')) {
    return {
      reason: `${quote(word)} is read as an address: a comment needs its own line`,
      allowed: 'move the comment to the line above',
    };
  }
  // An IPv4-mapped address: the server sets IPV6_V6ONLY, and bind fails.
  if (parseAddress(address)?.startsWith(IPV4_MAPPED) === true) return problem(word, allowed);
  if (parseAddress(address) !== undefined) return undefined;
  const looksNumeric = address.includes(':') || /^[\d.]+$/.test(address);
  const isName = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(address) && !looksNumeric;
  return isName ? undefined : problem(word, allowed);
}

/** Checks the flags of shutdown-on-sigterm and shutdown-on-sigint. The flags save and nosave exclude each other. */
export function shutdownFlags(of: readonly string[]): Check {
  return (args) => {
    const words = args.map((word) => word.toLowerCase());
    const unknown = words.find((word) => !of.includes(word));
    const allowed = `one or several of ${of.join(', ')}`;
    if (words.length === 0 || unknown !== undefined) return problem(unknown ?? '', allowed);
    return words.includes('save') && words.includes('nosave')
      ? problem(joinArguments(args), `${allowed}; save and nosave exclude each other`)
      : undefined;
  };
}
