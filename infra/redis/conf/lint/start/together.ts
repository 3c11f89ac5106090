/** Settings that exclude each other: TLS without a certificate, two listeners on one port, a replica in a cluster. */

import { hasFeaturesOf, type ServerVersion } from '../../../server-version.ts';
import { parseAddress } from '../../grammar/addresses.ts';
import { canonicalName } from '../../grammar/index.ts';
import { atoi } from '../../grammar/numbers.ts';
import type { ConfLine } from '../../text.ts';
import { type Reading, type Refusal, refusal } from './refusal.ts';
import { valueWords } from './settings.ts';

/** Values in force, by canonical name. */
class Settings {
  private readonly lines: readonly ConfLine[];
  private readonly server: ServerVersion;

  constructor({ lines, server }: Reading) {
    this.lines = lines;
    this.server = server;
  }

  line(name: string): ConfLine | undefined {
    return this.lines.findLast((line) => line.name !== undefined && canonicalName(line.name) === name);
  }

  words(name: string): readonly string[] | undefined {
    const line = this.line(name);
    return line === undefined ? undefined : valueWords(line, this.server);
  }

  text(name: string): string {
    return this.words(name)?.[0] ?? '';
  }

  isOn(name: string): boolean {
    return this.text(name).toLowerCase() === 'yes';
  }

  number(name: string, byDefault: number): number {
    const text = this.words(name)?.[0];
    return text === undefined ? byDefault : atoi(text);
  }
}

/** Finds settings that exclude each other. @param reading file with only the lines that are accepted on their own */
export function combinationRefusals(reading: Reading): readonly Refusal[] {
  const settings = new Settings(reading);
  return [
    ...clusterRefusals(settings, reading),
    ...tlsRefusals(settings),
    ...listenerRefusals(settings, reading),
    ...titleRefusals(settings, reading),
  ];
}

function lineOf(settings: Settings, ...names: readonly string[]): ConfLine {
  const lines = names.map((name) => settings.line(name)).filter((line) => line !== undefined);
  return lines[0] ?? { line: 0, raw: '', name: names[0], args: [] };
}

function clusterRefusals(settings: Settings, { server, mode }: Reading): readonly Refusal[] {
  if (!settings.isOn('cluster-enabled') || mode === 'sentinel') return [];
  const found: Refusal[] = [];
  const master = settings.words('replicaof');
  if (master !== undefined && master.join(' ').toLowerCase() !== 'no one') {
    const reason = 'a node of a cluster cannot have replicaof';
    found.push(
      refusal(lineOf(settings, 'replicaof'), reason, 'remove it; CLUSTER REPLICATE makes a replica'),
    );
  }
  const usesTls = settings.isOn('tls-cluster');
  const port = usesTls ? settings.number('tls-port', 0) : settings.number('port', 6379);
  if (port > 55_535 && settings.number('cluster-port', 0) === 0) {
    const reason = `the bus of the cluster would be at port ${port + 10_000}`;
    const remedy = 'choose a port up to 55535, or set cluster-port';
    found.push(
      refusal(lineOf(settings, usesTls ? 'tls-port' : 'port'), reason, remedy, { source: 'src/cluster.c' }),
    );
  }
  if (settings.line('cluster-config-file') !== undefined && settings.text('cluster-config-file') === '') {
    const line = lineOf(settings, 'cluster-config-file');
    found.push(refusal(line, 'a node of a cluster needs a file', 'allowed: a file name, such as nodes.conf'));
  }
  if (settings.line('bind') !== undefined && bindsNowhere(settings) && hasFeaturesOf(server, '7.0')) {
    const reason = 'the bus of the cluster has no address to listen on';
    found.push(refusal(lineOf(settings, 'bind'), reason, 'bind an address', { source: 'src/cluster.c' }));
  }
  return found;
}

function bindsNowhere(settings: Settings): boolean {
  return settings.words('bind')?.every((address) => address === '') === true;
}

function tlsRefusals(settings: Settings): readonly Refusal[] {
  const asks = ['tls-port', 'tls-replication', 'tls-cluster'].filter((name) =>
    name === 'tls-port' ? settings.number(name, 0) > 0 : settings.isOn(name),
  );
  const [first] = asks;
  if (first === undefined) return [];
  const line = lineOf(settings, first);
  const missing = ['tls-cert-file', 'tls-key-file'].filter((name) => settings.text(name) === '');
  const checksPeers =
    settings.text('tls-auth-clients').toLowerCase() !== 'no' || asks.some((name) => name !== 'tls-port');
  const hasCa = settings.text('tls-ca-cert-file') !== '' || settings.text('tls-ca-cert-dir') !== '';
  if (checksPeers && !hasCa) missing.push('tls-ca-cert-file');
  if (missing.length > 0) {
    const reason = `${first} needs ${missing.join(', ')}`;
    return [refusal(line, reason, `set ${missing.join(', ')}`, { source: 'src/tls.c' })];
  }
  const protocols = settings.line('tls-protocols');
  const unknown = settings
    .text('tls-protocols')
    .split(' ')
    .find((word) => !/^tlsv1(?:\.[123])?$/i.test(word));
  if (protocols === undefined || settings.text('tls-protocols') === '' || unknown === undefined) return [];
  const allowed = 'allowed: TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3, several in quotes with one space between';
  return [refusal(protocols, `'${unknown}' is not a version of TLS`, allowed, { source: 'src/tls.c' })];
}

function listenerRefusals(settings: Settings, { server, mode }: Reading): readonly Refusal[] {
  const port = settings.number('port', mode === 'sentinel' ? 26_379 : 6379);
  const tlsPort = settings.number('tls-port', 0);
  const listensOnTcp = (port > 0 || tlsPort > 0) && !(bindsNowhere(settings) && hasFeaturesOf(server, '7.0'));
  if (!listensOnTcp && settings.text('unixsocket') === '' && settings.number('rdma-port', 0) === 0) {
    const line = bindsNowhere(settings) ? lineOf(settings, 'bind') : lineOf(settings, 'port');
    return [refusal(line, 'the server has no address to listen on', 'set port, tls-port or unixsocket')];
  }
  if (!listensOnTcp) return [];
  if (port > 0 && port === tlsPort) {
    const reason = `port and tls-port are both ${port}`;
    return [refusal(lineOf(settings, 'tls-port'), reason, 'set port 0, or choose another tls-port')];
  }
  const bus = busPort(settings, port, tlsPort);
  if (bus !== undefined && (bus === port || bus === tlsPort)) {
    const reason = `the bus of the cluster and the clients share port ${bus}`;
    return [refusal(lineOf(settings, 'cluster-port', 'port'), reason, 'set another cluster-port')];
  }
  return repeatedAddress(settings);
}

function busPort(settings: Settings, port: number, tlsPort: number): number | undefined {
  if (!settings.isOn('cluster-enabled')) return undefined;
  const own = settings.number('cluster-port', 0);
  return own > 0 ? own : (settings.isOn('tls-cluster') ? tlsPort : port) + 10_000;
}

/** Finds two listeners on the same address and port, or one on all addresses in addition to one on a single address. */
function repeatedAddress(settings: Settings): readonly Refusal[] {
  const line = settings.line('bind');
  const seen: string[] = [];
  for (const word of settings.words('bind') ?? []) {
    const address = word.replace(/^-/, '');
    const own =
      address === '*' ? '0.0.0.0' : address === '::*' ? ALL_IPV6 : (parseAddress(address) ?? address);
    const isSame = (other: string) =>
      other === own || (isIpv6(other) === isIpv6(own) && [other, own].some((each) => ALL.includes(each)));
    if (line !== undefined && seen.some(isSame)) {
      const reason = `'${word}' is already used by a listener of this line`;
      return [refusal(line, reason, 'list each address once, and none with * or 0.0.0.0')];
    }
    seen.push(own);
  }
  return [];
}

const ALL_IPV6 = '0:0:0:0:0:0:0:0';
const ALL = ['0.0.0.0', ALL_IPV6];
const isIpv6 = (address: string) => address.includes(':');

/** Finds a title that is empty when its line is read: only earlier lines set some of its variables. */
function titleRefusals(settings: Settings, reading: Reading): readonly Refusal[] {
  const { lines, mode } = reading;
  const line = settings.line('proc-title-template');
  const template = settings.text('proc-title-template');
  if (line === undefined || !/^(?: |\{title\}|\{server-mode\}|\{unixsocket\})*$/.test(template)) return [];
  const before = new Settings({ ...reading, lines: lines.slice(0, lines.indexOf(line)) });
  const hasMode = mode === 'sentinel' || before.isOn('cluster-enabled');
  const isSet =
    (template.includes('{server-mode}') && hasMode) ||
    (template.includes('{unixsocket}') && before.text('unixsocket') !== '');
  return isSet ? [] : [refusal(line, 'the title would be empty', 'allowed: text with at least one letter')];
}
