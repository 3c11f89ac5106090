/** A separate state directory and a small environment, for tests of the local substrate. */
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadEnvironment } from '../../../../config/load.ts';
import type { EnvironmentConfig } from '../../../../config/schema.ts';

export interface StateDir extends Disposable {
  readonly path: string;
}

export function temporaryStateDir(): StateDir {
  const path = mkdtempSync(join(tmpdir(), 'kit-test-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/**
 * The environment `dev` on ports that no other environment on this machine uses. A sentinel counts a node as down after
 * 3 s, so that a busy machine does not cause a failover.
 */
export function configuration(
  name: string,
  change: Partial<EnvironmentConfig['redis']> = {},
): EnvironmentConfig {
  const dev = loadEnvironment('dev');
  return {
    ...dev,
    name,
    redis: { ...dev.redis, port: 26_300, ...change },
    sentinel: { ...dev.sentinel, port: 26_400, downAfterMs: 3_000 },
  };
}

/** An environment with one Redis and no sentinels. */
export function singleConfiguration(
  name: string,
  change: Partial<EnvironmentConfig['redis']> = {},
): EnvironmentConfig {
  const single = loadEnvironment('single');
  return { ...single, name, redis: { ...single.redis, port: 26_300, ...change } };
}

/**
 * A cluster of three masters with one replica each. It detects a failed master after 3 s, so that a busy machine does
 * not cause a failover.
 */
export function clusterConfiguration(name: string): EnvironmentConfig {
  const cluster = loadEnvironment('cluster');
  return {
    ...cluster,
    name,
    redis: { ...cluster.redis, port: 26_300 },
    cluster: { ...cluster.cluster, busPort: 26_500, nodeTimeoutMs: 3_000 },
  };
}

/** Processes whose working directory is below `dir`, as the kernel reports it. Nodes always have such a directory. */
export function listPidsBelow(dir: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(dir);
    } catch {
      return false; // The process has ended.
    }
  });
}
