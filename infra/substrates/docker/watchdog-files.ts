/** Files of the watchdog's container. Pure, except that it reads the program. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EnvironmentSecrets } from '../../../config/secrets.ts';
import { renderWatchdog } from '../../redis/conf/watchdog-conf.ts';
import { WATCHDOG_DIR, WATCHDOG_FILES } from '../watchdog-files.ts';
import type { TlsTexts } from './certificates.ts';
import { type DockerPlan, HEARTBEAT_FILE, TLS_PATHS } from './plan.ts';

export function watchdogTexts(
  { topology, placement }: DockerPlan,
  secrets: EnvironmentSecrets,
  tls: TlsTexts | undefined,
): Map<string, string> {
  const caFile = tls === undefined ? undefined : TLS_PATHS.ca;
  return new Map([
    ...WATCHDOG_FILES.map((name) => [name, readFileSync(join(WATCHDOG_DIR, name), 'utf8')] as const),
    [
      'watchdog.json',
      renderWatchdog({ topology, placement, secrets, caFile, heartbeatFile: HEARTBEAT_FILE }),
    ],
    ...(tls === undefined ? [] : [['tls/ca.crt', tls.ca] as const]),
  ]);
}
