/**
 * Compares data by content if replication positions are not comparable: a server in a container without a network loads
 * a copy of a volume and computes a digest of all keys. The server is configured as a replica of an unused address, so
 * that it neither expires nor writes keys.
 */
import type { Content } from '../../recovery/choose.ts';
import type { DataNames } from '../../recovery/read.ts';
import { runOnVolume, type VolumeTools } from './volumes.ts';

const LOAD = `set -eu
umask 077
mkdir /tmp/compare
cp -r /data /tmp/compare/data
redis-server --port 0 --unixsocket /tmp/compare/socket --dir /tmp/compare/data --appendonly "$1" --appenddirname "$2" \
  --appendfilename "$3" --dbfilename "$4" --replicaof 127.0.0.1 9 --save '' --enable-debug-command yes >/tmp/compare/log 2>&1 &
server=$!
ask() { redis-cli -s /tmp/compare/socket "$@" 2>/dev/null || true; }
tries=0
until ask INFO persistence | grep -q '^loading:0'; do
  kill -0 $server 2>/dev/null && [ $tries -lt 600 ] || exit 1
  tries=$((tries + 1))
  sleep 0.1
done
ask INFO keyspace | tr -d '\\r' | awk -F '[=,]' '/^db/ { keys += $2 } END { print keys + 0 }'
ask DEBUG DIGEST`;

/** Returns the digest of a volume; undefined if the server cannot load the copy, or if the disk has no space for it. */
export async function digestVolume(
  volume: string,
  { appendonly, appenddirname, appendfilename, dbfilename }: DataNames,
  tools: VolumeTools,
): Promise<Content | undefined> {
  const args = [appendonly ? 'yes' : 'no', appenddirname, appendfilename, dbfilename];
  const text = await runOnVolume(volume, LOAD, args, tools, 'ro').catch(() => '');
  const [keys = '', digest = ''] = text.split('\n');
  return /^\d+$/.test(keys) && /^[0-9a-f]{40}$/.test(digest) ? { keys: Number(keys), digest } : undefined;
}
