/**
 * Performs the operations of the runbook for a script: switchover and rotation with the functions that the kit's commands
 * call, and commands on cached data as a separate process.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KitError } from '../../config/errors.ts';
import { IS_BUILT } from '../../config/installation.ts';
import { openTemporaryDir } from '../../infra/host/death-guard.ts';
import { writePrivate } from '../../infra/host/private-files.ts';
import { runProgram } from '../../infra/host/process.ts';
import { clusterSwitchover } from '../../infra/operations/cluster-switchover.ts';
import { rotatePasswords } from '../../infra/operations/password-rotation.ts';
import { switchover } from '../../infra/operations/switchover.ts';
import type { CommandResult, Operations } from '../workloads/scripted/operations.ts';
import type { TrialContext } from './context.ts';
import { awaitMasters } from './current-masters.ts';

/** Path of the `kit` command, which is outside the compiled files. */
const KIT = join(import.meta.dirname, IS_BUILT ? '../../..' : '../..', 'scripts/kit.mjs');
/** Time limit of a command, in ms. It takes about 1 s; a busy machine needs several times as long. */
const COMMAND_TIMEOUT_MS = 60_000;

export function operationsOn(context: TrialContext): Operations {
  const { environment, signal, progress } = context;
  return {
    kit: (...args) => runKit(context, args),
    async switchOver() {
      const options = { signal, progress };
      if (environment.cluster === undefined) return switchover(environment, options);
      const [shard] = await environment.cluster.shards();
      return clusterSwitchover(environment, shard?.master ?? '', options);
    },
    async rotate(step, user) {
      progress(`rotation of the password of ${user}: ${step}`);
      await rotatePasswords(environment, { step, users: [user], ...(step === 'begin' && { signal }) });
    },
    isRotating: () => environment.passwords?.rotation() !== undefined,
  };
}

/** Runs the command in an empty folder, so that a project file of the working directory does not affect it. */
async function runKit(
  { environment, signal, progress }: TrialContext,
  args: readonly string[],
): Promise<CommandResult> {
  const { cluster, endpoints, passwords } = environment;
  if (passwords === undefined) {
    throw new KitError(`the kit does not keep the passwords of '${environment.name}'`, {
      code: 'PASSWORDS_UNKNOWN',
      hint: 'run the drill on an environment that the kit runs',
    });
  }
  const masters = (await awaitMasters(environment, signal)).map(
    ({ address: { host, port } }) => `${host}:${port}`,
  );
  using dir = openTemporaryDir(join(tmpdir(), 'kit-drill-command-'));
  const ca = join(dir.path, 'ca.crt');
  if (endpoints.tls !== undefined) writePrivate(ca, endpoints.tls.ca);
  const scheme = endpoints.tls === undefined ? 'redis' : 'rediss';
  const target =
    cluster === undefined ? ['--url', `${scheme}://${masters[0]}`] : ['--cluster', masters.join(',')];
  progress(`kit ${args[0]}`);
  const { exitCode, stdout } = await runProgram({
    command: process.execPath,
    args: [KIT, ...args, ...target, ...(endpoints.tls === undefined ? [] : ['--tls-ca', ca])],
    env: { REDIS_USERNAME: 'admin', REDIS_PASSWORD: passwords.secrets().redis.admin.reveal() },
    cwd: dir.path,
    timeoutMs: COMMAND_TIMEOUT_MS,
    signal,
  });
  return { exitCode, stdout };
}
