/**
 * Checks the machine before anything is started on it, and reports what to fix. Changes nothing.
 *
 * read (files, binds, `redis-server --version`) ─▶ MachineFacts ─▶ examine (pure) ─▶ checks
 *
 * Each substrate supplies its own facts (addresses, leftovers, the binary): this module names no substrate.
 */
import { KitError } from '../../config/errors.ts';
import { readIfReadable } from '../host/disk.ts';
import { type BinaryFacts, serverOf } from '../redis/server-capabilities.ts';
import { formatServer } from '../redis/server-version.ts';

export interface DoctorCheck {
  /** Stable identifier, such as `redis-server` or `overcommit-memory`. */
  readonly id: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly found: string;
  /** Remedy; empty if the check passed. */
  readonly remedy: string;
}

/** Facts that a substrate adds to the facts about the machine. */
export interface SubstrateFacts {
  readonly stateDir: string;
  readonly freeBytes: number;
  readonly requiredFreeBytes: number;
  readonly addressing: 'address-per-node' | 'port-per-node';
  readonly redis: { readonly path: string; readonly facts: BinaryFacts } | KitError;
  /** Running environments, and environments of runs that did not finish; or the error that prevented reading them. */
  readonly environments: readonly { readonly name: string; readonly leftOver: boolean }[] | KitError;
  /** Reason why this user cannot write to the state directory; undefined if writing is possible. */
  readonly stateDirProblem: string | undefined;
  readonly temporaryDirProblem: string | undefined;
}

export interface MachineFacts extends SubstrateFacts {
  readonly nodeVersion: string;
  /** Value of the setting; undefined if this system does not have it. */
  readonly overcommitMemory: string | undefined;
  readonly transparentHugePages: string | undefined;
  readonly openFilesLimit: number | undefined;
}

/** Reads and evaluates the facts about the machine. */
export async function doctor(facts: () => Promise<SubstrateFacts>): Promise<readonly DoctorCheck[]> {
  return checkMachine({ ...(await facts()), ...readKernelSettings() });
}

function readKernelSettings(): Omit<MachineFacts, keyof SubstrateFacts> {
  const limits = readIfReadable('/proc/self/limits');
  const openFiles = /^Max open files\s+(\d+)/m.exec(limits ?? '')?.[1];
  return {
    nodeVersion: process.versions.node,
    overcommitMemory: readIfReadable('/proc/sys/vm/overcommit_memory')?.trim(),
    transparentHugePages: readIfReadable('/sys/kernel/mm/transparent_hugepage/enabled')?.trim(),
    openFilesLimit: openFiles === undefined ? undefined : Number(openFiles),
  };
}

/** Oldest Node.js version that the installed package supports; in a checkout, `scripts/kit.mjs` checks the version. */
const OLDEST_NODE = [20, 19] as const;
/**
 * Number of open files that Redis needs: 10000 for maxclients and 32 for itself (redis.conf). With fewer, Redis lowers
 * maxclients and logs a warning.
 */
const OPEN_FILES_FOR_MAXCLIENTS = 10_032;
const COMFORTABLE_FREE_BYTES = 1024 ** 3;

/** Evaluates the facts. Pure. */
export function checkMachine(facts: MachineFacts): readonly DoctorCheck[] {
  return [
    nodeCheck(facts.nodeVersion),
    redisCheck(facts.redis),
    ...featureChecks(facts.redis),
    addressCheck(facts.addressing),
    overcommitCheck(facts.overcommitMemory),
    hugePagesCheck(facts.transparentHugePages),
    openFilesCheck(facts.openFilesLimit),
    writableCheck('state-directory', facts.stateDir, facts.stateDirProblem, 'KIT_STATE_DIR'),
    writableCheck('temporary-directory', 'for temporary files', facts.temporaryDirProblem, 'TMPDIR'),
    diskCheck(facts),
    leftOverCheck(facts.environments),
  ];
}

function nodeCheck(version: string): DoctorCheck {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const old = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  return doctorCheck('node', old ? 'fail' : 'ok', `Node ${version}`, {
    fail: `use Node ${OLDEST_NODE.join('.')} or newer; npm run uses the installed one`,
  });
}

function redisCheck(redis: MachineFacts['redis']): DoctorCheck {
  if (redis instanceof KitError) {
    const where = redis.where === undefined ? '' : `${redis.where} `;
    return { id: 'redis-server', state: 'fail', found: `${where}${redis.message}`, remedy: redis.hint ?? '' };
  }
  const found = `${formatServer(serverOf(redis.facts))} at ${redis.path}`;
  return { id: 'redis-server', state: 'ok', found, remedy: '' };
}

function featureChecks(redis: MachineFacts['redis']): readonly DoctorCheck[] {
  if (redis instanceof KitError) return [];
  const { tls, activedefrag } = redis.facts;
  return [
    doctorCheck('redis-tls', tls ? 'ok' : 'warn', tls ? 'built with TLS' : 'built without TLS', {
      warn: 'install a build with TLS to run environments with TLS',
    }),
    doctorCheck(
      'redis-activedefrag',
      activedefrag ? 'ok' : 'warn',
      activedefrag ? 'supports activedefrag' : 'no activedefrag: built with the system allocator',
      { warn: 'activedefrag is omitted and reported; a build with the bundled jemalloc supports it' },
    ),
  ];
}

function addressCheck(addressing: MachineFacts['addressing']): DoctorCheck {
  const own = addressing === 'address-per-node';
  return doctorCheck(
    'loopback-addresses',
    own ? 'ok' : 'warn',
    own ? 'separate loopback address per node' : 'only 127.0.0.1: separate port per node',
    { warn: 'no action needed; other addresses of 127.0.0.0/8 require Linux' },
  );
}

function overcommitCheck(value: string | undefined): DoctorCheck {
  if (value === undefined) return notOnThisSystem('overcommit-memory');
  return doctorCheck('overcommit-memory', value === '1' ? 'ok' : 'warn', `vm.overcommit_memory = ${value}`, {
    warn: 'allow background saves when memory is low: sysctl -w vm.overcommit_memory=1',
  });
}

function hugePagesCheck(value: string | undefined): DoctorCheck {
  if (value === undefined) return notOnThisSystem('transparent-huge-pages');
  const chosen = /\[(\w+)\]/.exec(value)?.[1] ?? value;
  return doctorCheck('transparent-huge-pages', chosen === 'always' ? 'warn' : 'ok', chosen, {
    warn: 'reduce the latency of forks: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled',
  });
}

function openFilesCheck(limit: number | undefined): DoctorCheck {
  if (limit === undefined) return notOnThisSystem('open-files');
  return doctorCheck(
    'open-files',
    limit >= OPEN_FILES_FOR_MAXCLIENTS ? 'ok' : 'warn',
    `${limit} open files`,
    {
      warn: `avoid a lower maxclients: ulimit -n ${OPEN_FILES_FOR_MAXCLIENTS}`,
    },
  );
}

function diskCheck({ freeBytes, requiredFreeBytes, stateDir }: MachineFacts): DoctorCheck {
  const state = freeBytes < requiredFreeBytes ? 'fail' : freeBytes < COMFORTABLE_FREE_BYTES ? 'warn' : 'ok';
  const remedy = 'free disk space, or set KIT_STATE_DIR to a directory on another disk';
  const found = `${Math.round(freeBytes / 1024 ** 2)} MB free for ${stateDir}`;
  return doctorCheck('disk', state, found, { warn: remedy, fail: remedy });
}

function writableCheck(id: string, what: string, problem: string | undefined, variable: string): DoctorCheck {
  return doctorCheck(id, problem === undefined ? 'ok' : 'fail', problem ?? `${what}: writable`, {
    fail: `set ${variable} to a directory that is writable for this user`,
  });
}

function leftOverCheck(environments: MachineFacts['environments']): DoctorCheck {
  if (environments instanceof KitError) {
    const found = `${environments.where ?? ''} ${environments.message}`.trim();
    return { id: 'environments', state: 'fail', found, remedy: environments.hint ?? '' };
  }
  const left = environments.filter(({ leftOver }) => leftOver).map(({ name }) => name);
  const running = environments.filter(({ leftOver }) => !leftOver).map(({ name }) => name);
  const found = [
    left.length === 0 ? 'no leftover environments' : `leftover environments: ${left.join(', ')}`,
    ...(running.length === 0 ? [] : [`running: ${running.join(', ')}`]),
  ].join('; ');
  return doctorCheck('environments', left.length === 0 ? 'ok' : 'warn', found, {
    warn: `stopped by the next start, or with: ${left.map((name) => `kit down --env ${name}`).join('; ')}`,
  });
}

function doctorCheck(
  id: string,
  state: DoctorCheck['state'],
  found: string,
  remedies: { readonly warn?: string; readonly fail?: string },
): DoctorCheck {
  return { id, state, found, remedy: state === 'ok' ? '' : (remedies[state] ?? '') };
}

function notOnThisSystem(id: string): DoctorCheck {
  return { id, state: 'ok', found: 'not applicable on this system', remedy: '' };
}
