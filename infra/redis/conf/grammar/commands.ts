/**
 * Command names for ACL rules and `rename-command`: a rule with an unknown name is fatal. Names have the form
 * `container|subcommand` if the server checks subcommand names, which it has done since 7.0; older versions accept any
 * word after the `|`.
 *
 * Source: COMMAND LIST of Redis 7.0.15, 7.2.6, 7.4.1, 8.2.3, Valkey 8.0.1 and 9.1.2, and server.c of 6.2.14. The
 * release notes show which of 8.0 and 8.1, or of 8.1 and 9.0, introduced a Valkey command. Module commands are left
 * out.
 */
import type { ServerVersion } from '../../server-version.ts';
import {
  type Availability,
  EVERYWHERE,
  isAvailable,
  onlyRedis,
  redisUntil,
  since,
  valkeyOnly,
} from './availability.ts';
import { splitWords } from './directive.ts';

type Row = readonly [availability: Availability, names: string];

const COMMANDS: readonly Row[] = [
  [
    EVERYWHERE,
    `acl append asking auth bgrewriteaof bgsave bitcount bitfield bitfield_ro bitop bitpos blmove blpop brpop
     brpoplpush bzpopmax bzpopmin client cluster command config copy dbsize debug decr decrby del discard dump echo
     eval evalsha exec exists expire expireat failover flushall flushdb geoadd geodist geohash geopos georadius
     georadius_ro georadiusbymember georadiusbymember_ro geosearch geosearchstore get getbit getdel getex getrange
     getset hdel hello hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset hsetnx
     hstrlen hvals incr incrby incrbyfloat info keys lastsave latency lindex linsert llen lmove lolwut lpop lpos
     lpush lpushx lrange lrem lset ltrim memory mget migrate module monitor move mset msetnx multi object persist
     pexpire pexpireat pfadd pfcount pfdebug pfmerge pfselftest ping psetex psubscribe psync pttl publish pubsub
     punsubscribe randomkey readonly readwrite rename renamenx replconf replicaof reset restore restore-asking role
     rpop rpoplpush rpush rpushx sadd save scan scard script sdiff sdiffstore select set setbit setex setnx setrange
     shutdown sinter sinterstore sismember slaveof slowlog smembers smismember smove sort spop srandmember srem sscan
     strlen subscribe substr sunion sunionstore swapdb sync time touch ttl type unlink unsubscribe unwatch wait watch
     xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange xread xreadgroup xrevrange xsetid xtrim zadd
     zcard zcount zdiff zdiffstore zincrby zinter zinterstore zlexcount zmscore zpopmax zpopmin zrandmember zrange
     zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange
     zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion zunionstore`,
  ],
  [
    since('7.0'),
    `acl|cat acl|deluser acl|dryrun acl|genpass acl|getuser acl|help acl|list acl|load acl|log acl|save acl|setuser
     acl|users acl|whoami blmpop bzmpop client|caching client|getname client|getredir client|help client|id
     client|info client|kill client|list client|no-evict client|pause client|reply client|setname client|tracking
     client|trackinginfo client|unblock client|unpause cluster|addslots cluster|addslotsrange cluster|bumpepoch
     cluster|count-failure-reports cluster|countkeysinslot cluster|delslots cluster|delslotsrange cluster|failover
     cluster|flushslots cluster|forget cluster|getkeysinslot cluster|help cluster|info cluster|keyslot cluster|links
     cluster|meet cluster|myid cluster|nodes cluster|replicas cluster|replicate cluster|reset cluster|saveconfig
     cluster|set-config-epoch cluster|setslot cluster|shards cluster|slaves cluster|slots command|count command|docs
     command|getkeys command|getkeysandflags command|help command|info command|list config|get config|help
     config|resetstat config|rewrite config|set eval_ro evalsha_ro expiretime fcall fcall_ro function function|delete
     function|dump function|flush function|help function|kill function|list function|load function|restore
     function|stats latency|doctor latency|graph latency|help latency|histogram latency|history latency|latest
     latency|reset lcs lmpop memory|doctor memory|help memory|malloc-stats memory|purge memory|stats memory|usage
     module|help module|list module|load module|loadex module|unload object|encoding object|freq object|help
     object|idletime object|refcount pexpiretime pubsub|channels pubsub|help pubsub|numpat pubsub|numsub
     pubsub|shardchannels pubsub|shardnumsub quit script|debug script|exists script|flush script|help script|kill
     script|load sintercard slowlog|get slowlog|help slowlog|len slowlog|reset sort_ro spublish ssubscribe
     sunsubscribe xgroup|create xgroup|createconsumer xgroup|delconsumer xgroup|destroy xgroup|help xgroup|setid
     xinfo|consumers xinfo|groups xinfo|help xinfo|stream zintercard zmpop`,
  ],
  [redisUntil('7.0'), `host: post stralgo`],
  [since('7.2'), `client|no-touch client|setinfo cluster|myshardid waitaof`],
  [since('7.4', '9.0'), `hexpire hexpireat hexpiretime hpersist hpexpire hpexpireat hpexpiretime hpttl httl`],
  [since('8.0', '9.0'), `hgetex hsetex`],
  [since('8.0', '9.1'), `hgetdel`],
  [onlyRedis('8.0'), `vadd vcard vdim vemb vgetattr vinfo vismember vlinks vrandmember vrem vsetattr vsim`],
  [since('8.2', '8.0'), `cluster|slot-stats`],
  [onlyRedis('8.2'), `xackdel xdelex`],
  [valkeyOnly('8.0'), `client|capa script|show`],
  [
    valkeyOnly('8.1'),
    `client|import-source commandlog commandlog|get commandlog|help commandlog|len commandlog|reset`,
  ],
  [
    valkeyOnly('9.0'),
    `cluster|cancelslotmigrations cluster|flushslot cluster|getslotmigrations cluster|migrateslots cluster|syncslots
     delifeq`,
  ],
  [valkeyOnly('9.1'), `clusterscan msetex`],
];

/** Commands that exist in a sentinel; the rules for its users can name only these. */
const SENTINEL_COMMANDS: readonly Row[] = [
  [
    EVERYWHERE,
    `acl auth client command hello info ping psubscribe publish punsubscribe role sentinel shutdown subscribe
     unsubscribe`,
  ],
  [
    since('7.0'),
    `acl|cat acl|deluser acl|dryrun acl|genpass acl|getuser acl|help acl|list acl|load acl|log acl|save acl|setuser
     acl|users acl|whoami client|caching client|getname client|getredir client|help client|id client|info client|kill
     client|list client|no-evict client|pause client|reply client|setname client|tracking client|trackinginfo
     client|unblock client|unpause command|count command|docs command|getkeys command|getkeysandflags command|help
     command|info command|list sentinel|ckquorum sentinel|config sentinel|debug sentinel|failover
     sentinel|flushconfig sentinel|get-master-addr-by-name sentinel|help sentinel|info-cache
     sentinel|is-master-down-by-addr sentinel|master sentinel|masters sentinel|monitor sentinel|myid
     sentinel|pending-scripts sentinel|remove sentinel|replicas sentinel|reset sentinel|sentinels sentinel|set
     sentinel|simulate-failure sentinel|slaves`,
  ],
  [since('7.2'), `client|setinfo`],
  [
    valkeyOnly('8.0'),
    `sentinel|get-primary-addr-by-name sentinel|is-primary-down-by-addr sentinel|primaries sentinel|primary`,
  ],
];

/** Command categories, which are the same in every version. `@all` is not included, because it is a separate rule. */
export const CATEGORIES: ReadonlySet<string> = new Set(
  splitWords(`keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow
blocking dangerous connection transaction scripting`),
);

/** Returns the names of the commands that a server or a sentinel has at startup, in lower case. */
export function commandNames(server: ServerVersion, mode: 'server' | 'sentinel'): ReadonlySet<string> {
  const rows = mode === 'sentinel' ? SENTINEL_COMMANDS : COMMANDS;
  return new Set(
    rows.filter(([where]) => isAvailable(where, server)).flatMap(([, names]) => splitWords(names)),
  );
}
