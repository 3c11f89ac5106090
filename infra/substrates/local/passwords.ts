/**
 * Passwords of local processes: the secrets file, and the files from which each node starts. A Redis node gets its
 * redis.conf at each start, so only its users are changed here; a sentinel keeps its own file.
 */
import { existsSync, readFileSync } from 'node:fs';
import {
  beginRotation,
  endRotation,
  readRotation,
  switchPasswords,
} from '../../../config/password-rotation.ts';
import { loadSecrets } from '../../../config/secrets.ts';
import { writePrivate } from '../../host/private-files.ts';
import { isAlive } from '../../host/process-identity.ts';
import { rotatedAccounts, WATCHDOG, withPasswords } from '../../redis/conf/acl.ts';
import { sentinelLogins } from '../../redis/conf/sentinel-conf.ts';
import { overrideDirectives } from '../../redis/conf/text.ts';
import { nodesOf, WATCHDOG_ID } from '../../topology.ts';
import type { PasswordStore } from '../environment.ts';
import { nodeFiles } from './local-context.ts';
import type { LocalNodes } from './nodes.ts';
import { renewExporterPassword } from './observability.ts';

export function localPasswords(nodes: LocalNodes): PasswordStore {
  const { context, name } = nodes;
  const { stateDir } = context;
  const changing = (change: () => void): void => {
    change();
    context.secrets = loadSecrets(name, stateDir);
  };
  return {
    rotation() {
      const found = readRotation(name, stateDir);
      // Another command may have changed the passwords since this handle was opened.
      context.secrets = loadSecrets(name, stateDir);
      return found;
    },
    secrets: () => context.secrets,
    begin: (users) => changing(() => beginRotation(name, stateDir, users)),
    switch: () => changing(() => switchPasswords(name, stateDir)),
    end: () => changing(() => endRotation(name, stateDir)),
    writeFiles: (accepts) => writeFiles(nodes, accepts),
    async renewParts() {
      const processes = nodes.processes();
      await renewExporterPassword(context, processes);
      const watchdog = processes.get(WATCHDOG_ID);
      const isRenewed = rotatedAccounts('redis', context.secrets).some(({ user }) => user === WATCHDOG);
      if (!isRenewed || watchdog === undefined || !(await isAlive(watchdog))) return;
      // The watchdog reads its password only on startup.
      await nodes.stop(WATCHDOG_ID);
      await nodes.launchWatchdog();
    },
  };
}

async function writeFiles({ context, status }: LocalNodes, accepts: 'both' | 'current'): Promise<void> {
  const { secrets, topology } = context;
  const stateOf = new Map((await status()).map(({ id, state }) => [id, state]));
  for (const { id, role } of nodesOf(topology)) {
    const { acl, conf } = nodeFiles(context, id);
    // A node that was never started gets its files when it starts.
    if (existsSync(acl)) {
      writePrivate(acl, withPasswords(readFileSync(acl, 'utf8'), rotatedAccounts(role, secrets), accepts));
    }
    // A running sentinel rewrites its file itself (SENTINEL SET).
    if (role === 'sentinel' && stateOf.get(id) === 'stopped' && existsSync(conf)) {
      const logins = sentinelLogins(topology.environment.topology.serviceName, secrets);
      writePrivate(conf, overrideDirectives(readFileSync(conf, 'utf8'), logins, id));
    }
  }
}
