/**
 * `sentinel` lines as Sentinel reads them: first its own options, then the masters, then the options of a master, each
 * group in the order of the file (`loadSentinelConfigFromQueue` of sentinel.c).
 */
import { didYouMean } from '../../../../../config/spelling.ts';
import { formatServer } from '../../../server-version.ts';
import { parseAddress } from '../../grammar/addresses.ts';
import { describeAvailability, isAvailable } from '../../grammar/availability.ts';
import { atoi } from '../../grammar/numbers.ts';
import { type Phase, SENTINEL_OPTIONS } from '../../grammar/sentinel-options.ts';
import { byteLength } from '../../grammar/texts.ts';
import type { ConfLine } from '../../text.ts';
import { isNewerThanMeasured } from '../known-servers.ts';
import { SENTINEL_C } from '../sources.ts';
import { type Reading, type Refusal, refusal } from './refusal.ts';

interface Master {
  readonly replicas: Set<string>;
  readonly sentinels: Set<string>;
  /** Renamed commands, in lower case. */
  readonly renamed: Set<string>;
}

/** State of Sentinel while it reads its options. */
interface State {
  readonly masters: Map<string, Master>;
  resolvesNames: boolean;
  announcesNames: boolean;
}

interface Fault {
  readonly reason: string;
  readonly remedy: string;
}

const fault = (reason: string, remedy: string): Fault => ({ reason, remedy });

const PHASES: readonly Phase[] = ['before-monitor', 'monitor', 'after-monitor'];

export function sentinelRefusals(reading: Reading): readonly Refusal[] {
  const state: State = { masters: new Map(), resolvesNames: false, announcesNames: false };
  const options = reading.lines.flatMap((line) => {
    const option = optionOf(line);
    return option === undefined ? [] : [{ line, option }];
  });
  const found = options.flatMap(({ line, option }) => unknownOption(line, option, reading));
  for (const phase of PHASES) {
    for (const { line, option } of options) {
      if (SENTINEL_OPTIONS.get(option)?.phase !== phase) continue;
      const wrong = checkCount(line, option) ?? CHECKS[option]?.(line.args, state);
      const unknown = wrong === undefined ? checkMaster(line, option, state) : undefined;
      const first = wrong ?? unknown;
      if (first !== undefined) {
        found.push(refusal(line, first.reason, first.remedy, { source: SENTINEL_C }));
      }
    }
  }
  return found;
}

/** Returns the option of a line; the word `sentinel` alone is accepted without effect. */
function optionOf(line: ConfLine): string | undefined {
  return line.broken === undefined && line.name?.startsWith('sentinel ') === true
    ? line.name.slice('sentinel '.length)
    : undefined;
}

function unknownOption(line: ConfLine, option: string, { server }: Reading): readonly Refusal[] {
  const known = SENTINEL_OPTIONS.get(option);
  if (known !== undefined && isAvailable(known.availability, server)) return [];
  const guess = option.length > 80 ? '' : didYouMean(option, [...SENTINEL_OPTIONS.keys()]);
  const where = known === undefined ? '' : `; it is in ${describeAvailability(known.availability)}`;
  const reason = `'${option.slice(0, 80)}' is not an option of Sentinel in ${formatServer(server)}${where}${guess}`;
  const isCertain = known !== undefined || !isNewerThanMeasured(server);
  return [refusal(line, reason, 'correct the name, or remove the line', { source: SENTINEL_C, isCertain })];
}

function checkCount(line: ConfLine, option: string): Fault | undefined {
  const [least, most] = SENTINEL_OPTIONS.get(option)?.arguments ?? [0, 0];
  const count = line.args.length;
  if (count >= least && count <= most) return undefined;
  const comment = line.args.findIndex((arg, i) => i > 0 && arg.startsWith('#'));
  if (comment > 0) {
    return fault(
      `'${line.args.slice(comment).join(' ')}' is read as arguments: a comment needs its own line`,
      'move the comment to the line above',
    );
  }
  const wanted = most > least ? `${least} to ${most}` : String(least);
  return fault(`${count} arguments, and it takes ${wanted}`, `give ${wanted} arguments`);
}

function checkMaster(line: ConfLine, option: string, { masters }: State): Fault | undefined {
  const [name = ''] = line.args;
  const isOldSentinel = option === 'known-sentinel' && line.args.length === 3;
  if (SENTINEL_OPTIONS.get(option)?.isOfMaster !== true || masters.has(name) || isOldSentinel)
    return undefined;
  const known = [...masters.keys()].map((each) => `'${each}'`).join(', ');
  return fault(
    `'${name}' is not a monitored master`,
    `allowed: ${known === '' ? 'none: no master is monitored' : known}`,
  );
}

type OptionCheck = (args: readonly string[], state: State) => Fault | undefined;

const CHECKS: Readonly<Record<string, OptionCheck>> = {
  'resolve-hostnames': (args, state) => checkSwitch(args, (is) => (state.resolvesNames = is)),
  'announce-hostnames': (args, state) => checkSwitch(args, (is) => (state.announcesNames = is)),
  'deny-scripts-reconfig': (args) => checkSwitch(args, () => undefined),
  myid: ([id = '']) =>
    byteLength(id) === ID_BYTES
      ? undefined
      : fault(
          `the id has ${byteLength(id)} characters`,
          `allowed: ${ID_BYTES} characters; or remove the line: Sentinel generates an id`,
        ),
  monitor: checkMonitor,
  'down-after-milliseconds': ([, ms = '']) => checkPositive(ms),
  'failover-timeout': ([, ms = '']) => checkPositive(ms),
  'master-reboot-down-after-period': ([, ms = '']) => checkNotNegative(ms),
  'primary-reboot-down-after-period': ([, ms = '']) => checkNotNegative(ms),
  'known-replica': checkReplica,
  'known-slave': checkReplica,
  'known-sentinel': checkPeer,
  'rename-command': checkRename,
};

/** CONFIG_RUN_ID_SIZE */
const ID_BYTES = 40;

function checkSwitch([text = '']: readonly string[], set: (is: boolean) => void): Fault | undefined {
  const word = text.toLowerCase();
  if (word !== 'yes' && word !== 'no') return fault(`'${text}' is not allowed`, 'allowed: yes or no');
  set(word === 'yes');
  return undefined;
}

function checkPositive(text: string): Fault | undefined {
  return atoi(text) > 0
    ? undefined
    : fault(`'${text}' is not allowed`, 'allowed: an integer of milliseconds greater than 0');
}

function checkNotNegative(text: string): Fault | undefined {
  return atoi(text) >= 0
    ? undefined
    : fault(`'${text}' is not allowed`, 'allowed: milliseconds, a whole number of 0 or more');
}

function checkMonitor(args: readonly string[], state: State): Fault | undefined {
  const [name = '', host = '', port = '', quorum = ''] = args;
  const isDuplicate = state.masters.has(name);
  // From here on, the master counts as defined even if its line has an error, so that its options are not reported as
  // well.
  if (!isDuplicate)
    state.masters.set(name, { replicas: new Set(), sentinels: new Set(), renamed: new Set() });
  if (atoi(quorum) <= 0) return fault(`the quorum '${quorum}' is not allowed`, 'allowed: 1 or more');
  return (
    checkEndpoint(host, port, state) ??
    (isDuplicate
      ? fault(`a master named '${name}' is already monitored`, 'use a separate name per master')
      : undefined)
  );
}

function checkEndpoint(host: string, port: string, state: State): Fault | undefined {
  const number = atoi(port);
  if (number < 0 || number > 65_535) return fault(`the port '${port}' is not allowed`, 'allowed: 0 to 65535');
  if (state.resolvesNames || parseAddress(host) !== undefined) return undefined;
  const isNumeric = /^[\d.]+$/.test(host);
  return isNumeric
    ? fault(`'${host}' is not an address`, 'write the address')
    : fault(
        `'${host}' is a host name, and resolve-hostnames is no`,
        'write the address: resolving the name of a stopped machine can block Sentinel for 40 s',
      );
}

function checkReplica([name = '', host = '', port = '']: readonly string[], state: State): Fault | undefined {
  const master = state.masters.get(name);
  if (master === undefined) return undefined;
  const wrong = checkEndpoint(host, port, state);
  if (wrong !== undefined) return wrong;
  const address = state.announcesNames ? host : (parseAddress(host) ?? host);
  const key = `${address}:${atoi(port)}`;
  if (master.replicas.has(key)) return fault(`the replica ${key} is listed twice`, 'remove one of the lines');
  master.replicas.add(key);
  return undefined;
}

function checkPeer(args: readonly string[], state: State): Fault | undefined {
  const [name = '', host = '', port = '', id] = args;
  const master = state.masters.get(name);
  // The old form without an id is ignored.
  if (master === undefined || id === undefined) return undefined;
  const wrong = checkEndpoint(host, port, state);
  if (wrong !== undefined) return wrong;
  if (master.sentinels.has(id)) return fault(`the sentinel ${id} is listed twice`, 'remove one of the lines');
  master.sentinels.add(id);
  return undefined;
}

function checkRename([name = '', command = '']: readonly string[], state: State): Fault | undefined {
  const renamed = state.masters.get(name)?.renamed;
  const key = command.toLowerCase();
  if (renamed?.has(key) === true) return fault(`'${command}' is renamed twice`, 'remove one of the lines');
  renamed?.add(key);
  return undefined;
}
