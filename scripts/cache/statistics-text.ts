/** Formats the statistics of a cache for a terminal. Pure. */
import type { CacheStatistics, KeyStatistics } from './cache-statistics.ts';
import { alignColumns, bytesText, countText, durationText, percentText } from './figures.ts';
import type { ServerFacts } from './server-facts.ts';

/**
 * Formats statistics. @param before statistics of the previous frame; if given, the hit ratio since then is shown too
 */
export function statisticsText(now: CacheStatistics, before?: CacheStatistics): string {
  const { total, nodes } = now;
  const where = [now.substrate, now.mode, `database ${now.db}`, `namespace ${now.namespace}`].join(', ');
  return [
    `${now.name}: ${countText(total.keys)} keys (${where})`,
    '',
    ...alignColumns([
      ['memory', memoryText(total)],
      ['fragmentation', total.fragmentationRatio === null ? '-' : String(round(total.fragmentationRatio))],
      ['hits', hitsText(total, before?.total)],
      ['operations', `${countText(total.opsPerSecond)}/s`],
      ['clients', clientsText(total)],
      ['evicted', `${countText(total.evicted)} keys; expired ${countText(total.expired)}`],
      ['uptime', durationText(total.uptimeSeconds)],
      ...sharedRow(now),
    ]),
    ...(nodes.length > 1 ? ['', ...nodeRows(now)] : []),
    ...(now.keys === null ? [] : ['', ...keyRows(now.keys)]),
  ].join('\n');
}

function memoryText({ usedBytes, maxBytes, peakBytes, policy }: ServerFacts): string {
  const share =
    usedBytes === null || maxBytes === null
      ? 'no limit'
      : `${percentText(usedBytes / maxBytes)} of ${bytesText(maxBytes)}`;
  return `${bytesText(usedBytes)} used (${share}), peak ${bytesText(peakBytes)}, ${policy ?? '-'}`;
}

function hitsText(now: ServerFacts, before: ServerFacts | undefined): string {
  const all = `${percentText(now.hitRatio)} (${countText(now.hits)} hits, ${countText(now.misses)} misses since the start)`;
  if (before === undefined || now.hits === null || now.misses === null) return all;
  const [hits, misses] = [now.hits - (before.hits ?? 0), now.misses - (before.misses ?? 0)];
  return hits + misses > 0 ? `${percentText(hits / (hits + misses))} now; ${all}` : all;
}

function clientsText({ clients, blockedClients, maxClients }: ServerFacts): string {
  const most = maxClients === null ? '' : ` of ${countText(maxClients)}`;
  return `${countText(clients)}${most}, ${countText(blockedClients)} blocked`;
}

function sharedRow({ shared }: CacheStatistics): readonly (readonly string[])[] {
  if (shared === null) return [];
  const { hits, misses, loads, errors, purged } = shared;
  const counts = { hits, misses, loads, errors, purged };
  const text = Object.entries(counts).map(([name, count]) => `${countText(count)} ${name}`);
  return [['all clients', `${percentText(shared.hitRatio)} (${text.join(', ')})`]];
}

function nodeRows({ nodes }: CacheStatistics): readonly string[] {
  const rows = nodes.map((node) => [
    node.id,
    `${node.address.host}:${node.address.port}`,
    countText(node.keys),
    bytesText(node.usedBytes),
    percentText(node.hitRatio),
    countText(node.opsPerSecond),
    countText(node.clients),
  ]);
  return alignColumns([['master', 'address', 'keys', 'memory', 'hits', 'ops/s', 'clients'], ...rows], 2);
}

function keyRows({ total, sampled, complete, namespaces }: KeyStatistics): readonly string[] {
  const rows = namespaces.flatMap(({ namespace, keys, bytes, domains }) => [
    [namespace, countText(keys), bytesText(bytes)],
    ...domains.map((one) => [`  ${one.domain}`, countText(one.keys), bytesText(one.bytes)]),
  ]);
  const note = complete
    ? []
    : [`estimated from a sample of ${countText(sampled)} of ${countText(total)} keys`];
  return [...alignColumns([['namespace, domain', 'keys', 'memory'], ...rows], 1), ...note];
}

const round = (value: number): number => Math.round(value * 100) / 100;
