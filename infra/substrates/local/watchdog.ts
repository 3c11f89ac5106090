/**
 * Starts the watchdog as a process on this machine. Does not wait for it, because an environment is healthy without
 * one.
 */
import { join } from 'node:path';
import { makePrivateDir, writePrivate } from '../../host/private-files.ts';
import { renderWatchdog } from '../../redis/conf/watchdog-conf.ts';
import { WATCHDOG_ID } from '../../topology.ts';
import { WATCHDOG_DIR, WATCHDOG_PROGRAM } from '../watchdog-files.ts';
import { watchdogHost } from './addresses.ts';
import { type Launched, launch } from './launch.ts';
import { type LocalContext, nodeFiles } from './local-context.ts';

export async function launchWatchdog(context: LocalContext): Promise<Launched> {
  const files = nodeFiles(context, WATCHDOG_ID);
  makePrivateDir(files.data);
  const conf = join(files.dir, 'watchdog.json');
  writePrivate(
    conf,
    renderWatchdog({ ...context, caFile: context.tls?.paths.ca, localAddress: watchdogHost(context) }),
  );
  const args = [join(WATCHDOG_DIR, WATCHDOG_PROGRAM), conf];
  return launch(context, WATCHDOG_ID, { command: process.execPath, args });
}
