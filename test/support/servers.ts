/**
 * Servers on which the client is tested in addition to the server in the PATH: `KIT_TEST_SERVERS` is a list of
 * programs, separated as in PATH. The oldest and the newest version of each family are reported as not run if the list
 * does not contain them.
 */
import { execFile } from 'node:child_process';
import { delimiter } from 'node:path';
import { promisify } from 'node:util';
import { atLeast, formatServer, parseBanner, type ServerVersion } from '../../infra/redis/server-version.ts';

const run = promisify(execFile);

export interface TestServer extends ServerVersion {
  readonly path: string;
  /** Name and full version, such as `Redis 6.2.14`. */
  readonly name: string;
}

/** The oldest and the newest minor versions that the client supports. */
const WANTED: readonly ServerVersion[] = [
  { family: 'redis', version: '6.2' },
  { family: 'redis', version: '8.2' },
  { family: 'valkey', version: '9' },
];

/** @throws Error if a path in the variable is not a server program */
export async function listTestServers(
  variable = process.env.KIT_TEST_SERVERS,
): Promise<readonly TestServer[]> {
  const paths = (variable ?? '').split(delimiter).filter((path) => path !== '');
  return Promise.all(
    paths.map(async (path) => {
      const { stdout } = await run(path, ['--version']);
      const server = parseBanner(stdout);
      if (!server) throw new Error(`KIT_TEST_SERVERS: ${path} --version prints ${JSON.stringify(stdout)}`);
      return { ...server, path, name: formatServer(server) };
    }),
  );
}

export interface WantedServer {
  /** Name and minor version, such as `Redis 6.2`. */
  readonly name: string;
  /** Undefined if the list has no such server. */
  readonly server: TestServer | undefined;
}

export function matchWantedServers(listed: readonly TestServer[]): readonly WantedServer[] {
  return WANTED.map((wanted) => ({
    name: formatServer(wanted),
    server: listed.find(
      ({ family, version }) => family === wanted.family && version.startsWith(`${wanted.version}.`),
    ),
  }));
}

/** True for servers with FUNCTION and `SET NX GET`, which Redis 7.0 introduced and Valkey has had since its fork. */
export const hasFunctions = ({ family, version }: ServerVersion): boolean =>
  family === 'valkey' || atLeast(version, '7.0');
