/**
 * Facts about a sentinel: every master that it monitors, with its replicas and the other sentinels, and the sentinel's
 * own settings and users.
 */
import type { Redis } from 'ioredis';
import type { Redaction } from './redaction.ts';
import { type Asking, commandFacts, type Fact, factsOf, infoFields } from './redis.ts';
import { type Fields, userFields } from './rendered.ts';
import { pairsOf, recordsOf, wordsOf } from './replies.ts';

/**
 * Volatile fields in the replies to SENTINEL MASTER and similar commands: they differ in every reply and are not part
 * of the configuration.
 */
const MOVING =
  /^(last-|info-refresh|link-|role-reported-time|voted-|slave-repl-offset|replica-repl-offset|s-down-time|o-down-time)/;

export async function sentinelFacts(
  redis: Redis,
  service: string,
  { redaction, isComplete: isWhole }: Asking,
): Promise<readonly Fact[]> {
  const facts = await factsOf(
    redis,
    [
      ['SENTINEL', 'MASTERS'],
      ['SENTINEL', 'REPLICAS', service],
      ['SENTINEL', 'SENTINELS', service],
      ['SENTINEL', 'CONFIG', 'GET', '*'],
      ['SENTINEL', 'CKQUORUM', service],
      // Without arguments, SENTINEL DEBUG reports the periods; with arguments it would change them.
      ['SENTINEL', 'DEBUG'],
      ['ACL', 'LIST'],
      ['INFO'],
    ],
    factOfReply(redaction),
  );
  return isWhole ? [...facts, ...(await commandFacts(redis))] : facts;
}

function factOfReply(redaction: Redaction) {
  const eachFact = (name: string, value: unknown): readonly Fact[] => {
    const records = recordsOf(value).map((pairs) => ({ name, data: stableFields(pairs) }));
    // An empty list is a fact as well: the sentinel has discovered no node of this kind.
    return [{ name: `${name}-count`, data: { count: records.length } }, ...records];
  };
  return (command: string, value: unknown): Fact | readonly Fact[] => {
    switch (command) {
      case 'SENTINEL MASTERS':
        return eachFact('sentinel-master', value);
      case 'SENTINEL REPLICAS':
        return eachFact('sentinel-replica', value);
      case 'SENTINEL SENTINELS':
        return eachFact('sentinel-peer', value);
      case 'SENTINEL CONFIG':
        return { name: 'sentinel-config', data: redactSettings(pairsOf(value), redaction) };
      case 'SENTINEL DEBUG':
        return { name: 'sentinel-periods', data: Object.fromEntries(pairsOf(value)) };
      case 'SENTINEL CKQUORUM':
        return { name: 'sentinel-quorum', data: { reply: String(value) } };
      case 'ACL LIST':
        return { name: 'users', data: userFields(wordsOf(value), redaction) };
      default:
        return { name: 'info', data: infoFields(String(value)) };
    }
  };
}

function stableFields(pairs: readonly (readonly [string, string])[]): Fields {
  return Object.fromEntries(pairs.filter(([name]) => !MOVING.test(name)));
}

function redactSettings(pairs: readonly (readonly [string, string])[], redaction: Redaction): Fields {
  return Object.fromEntries(
    pairs.map(([name, value]) => [name, name === 'sentinel-pass' ? redaction.digest(value) : value]),
  );
}
