/**
 * Sentinel options, the words after `sentinel` (`sentinelHandleConfiguration` in sentinel.c): the number of arguments
 * of each option, and whether it belongs to a master. They are the same in Redis 6.2 to 8.2 and in Valkey, except those
 * with an availability.
 */
import { type Availability, EVERYWHERE, since, valkeyOnly } from './availability.ts';

/** Phase in which Sentinel reads an option, regardless of its place in the file. */
export type Phase = 'before-monitor' | 'monitor' | 'after-monitor';

export interface SentinelOption {
  /** Number of words after the option. */
  readonly arguments: readonly [least: number, most: number];
  readonly phase: Phase;
  /** Whether the first word is the name of a master, which only `monitor` defines. */
  readonly isOfMaster: boolean;
  readonly isRepeatable: boolean;
  readonly availability: Availability;
}

const ofMaster = (count: number, more: Partial<SentinelOption> = {}): SentinelOption => ({
  arguments: [count, count],
  phase: 'after-monitor',
  isOfMaster: true,
  isRepeatable: false,
  availability: EVERYWHERE,
  ...more,
});

const own: SentinelOption = {
  arguments: [1, 1],
  phase: 'before-monitor',
  isOfMaster: false,
  isRepeatable: false,
  availability: EVERYWHERE,
};

export const SENTINEL_OPTIONS: ReadonlyMap<string, SentinelOption> = new Map(
  Object.entries({
    monitor: ofMaster(4, { phase: 'monitor' }),
    'down-after-milliseconds': ofMaster(2),
    'failover-timeout': ofMaster(2),
    'parallel-syncs': ofMaster(2),
    'master-reboot-down-after-period': ofMaster(2, { availability: since('7.0') }),
    'primary-reboot-down-after-period': ofMaster(2, { availability: valkeyOnly('8.0') }),
    'notification-script': ofMaster(2),
    'client-reconfig-script': ofMaster(2),
    'auth-pass': ofMaster(2),
    'auth-user': ofMaster(2),
    'config-epoch': ofMaster(2),
    'leader-epoch': ofMaster(2),
    'known-replica': ofMaster(3, { isRepeatable: true }),
    'known-slave': ofMaster(3, { isRepeatable: true }),
    'known-sentinel': ofMaster(4, { arguments: [3, 4], isRepeatable: true }),
    'rename-command': ofMaster(3, { isRepeatable: true }),
    myid: own,
    'current-epoch': own,
    'announce-ip': own,
    'announce-port': own,
    'deny-scripts-reconfig': own,
    'sentinel-user': own,
    'sentinel-pass': own,
    'resolve-hostnames': own,
    'announce-hostnames': own,
  }),
);
