/** Checkers of the configuration that the nodes report: they judge the trial `configuration`, which spans a run. */
import type { Checker } from '../checker.ts';
import { availableCommands } from './available-commands.ts';
import { commands } from './commands.ts';
import { dataAccess } from './data-access.ts';
import { drift } from './drift.ts';
import { encryption } from './encryption.ts';
import { eviction } from './eviction.ts';
import { exposure } from './exposure.ts';
import { failureDetection } from './failure-detection.ts';
import { flush } from './flush.ts';
import { lagBound } from './lag-bound.ts';
import { parallelSyncs } from './parallel-syncs.ts';
import { passwords } from './passwords.ts';
import { persistence } from './persistence.ts';
import { promotable } from './promotable.ts';
import { quorum } from './quorum.ts';
import { readOnlyReplicas } from './read-only-replicas.ts';
import { roles } from './roles.ts';
import { safeDirectives } from './safe-directives.ts';
import { tlsVersions } from './tls-versions.ts';
import { users } from './users.ts';
import { watchdog } from './watchdog.ts';
import { writeGuard } from './write-guard.ts';

export const nodeCheckers: readonly Checker[] = [
  drift,
  roles,
  persistence,
  flush,
  eviction,
  writeGuard,
  lagBound,
  promotable,
  readOnlyReplicas,
  quorum,
  failureDetection,
  parallelSyncs,
  encryption,
  tlsVersions,
  exposure,
  users,
  passwords,
  commands,
  dataAccess,
  availableCommands,
  safeDirectives,
  watchdog,
];
