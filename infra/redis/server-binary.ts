/**
 * Family and version of a server program on this machine. Left out: its other features (`substrates/local/binary.ts`).
 */
import { EXIT, KitError } from '../../config/errors.ts';
import { findProgram, runProgram } from '../host/process.ts';
import { parseBanner, type ServerVersion } from './server-version.ts';

/**
 * Runs a program to read its version. Starts no listener.
 *
 * @param named path of a program, or its name on the search path
 * @throws KitError `SERVER_NOT_FOUND`, `SERVER_UNKNOWN`
 */
export async function identifyServer(named: string): Promise<ServerVersion> {
  const path = named.includes('/') ? named : await findProgram(named);
  const answer =
    path === undefined
      ? undefined
      : await runProgram({ command: path, args: ['--version'], timeoutMs: 10_000 }).catch(() => undefined);
  if (answer === undefined) {
    throw new KitError(`'${named}' cannot be executed`, {
      code: 'SERVER_NOT_FOUND',
      where: '--server',
      hint: 'pass redis@7.0, valkey@8, redis, valkey, or the path of a redis-server or valkey-server',
    });
  }
  const server = parseBanner(answer.stdout);
  if (server === undefined) {
    throw new KitError(`'${named}' does not report a version of Redis or Valkey`, {
      code: 'SERVER_UNKNOWN',
      exitCode: EXIT.USAGE,
      where: '--server',
      hint: 'pass the path of a redis-server or valkey-server, or a version such as redis@7.0',
    });
  }
  return server;
}
