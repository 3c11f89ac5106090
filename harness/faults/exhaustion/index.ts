/**
 * A fault that exhausts a server resource from a separate process, which restores the resource even if the harness
 * process is killed.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { KitError } from '../../../config/errors.ts';
import { moduleUrl } from '../../../config/installation.ts';
import { startUnlessRunning } from '../../../infra/operations/start-unless-running.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { withTimeout } from '../../wait.ts';
import { type Fault, runOnce, stateOf } from '../fault.ts';
import type { ExhaustionCommand, ExhaustionReply } from './process.ts';
import type { Access, ResourceName } from './resource.ts';

/** Maximum duration of an injection, longer than it takes to fill the memory. */
const BOUND = { boundMs: 25_000 };

export function exhaustionOf(id: string, resource: ResourceName): Fault {
  return {
    id,
    async inject(environment, nodeId) {
      const dataFolder =
        resource === 'disk' ? await environment.capabilities.dataFolder?.(nodeId) : undefined;
      if (resource === 'disk' && dataFolder === undefined) {
        throw new KitError(`cannot fill the disk of ${nodeId}: only root may mount a small volume`, {
          code: 'FAULT_UNAVAILABLE',
        });
      }
      const admin = accessOf(await environment.admin(nodeId));
      const access = { ...admin, ...(dataFolder && { dataFolder }) };
      const { ask, end } = startProcess(`${id} of ${nodeId}`);
      try {
        const { detail } = await ask({ do: 'exhaust', resource, access });
        const heal = runOnce(async () => {
          await ask({ do: 'restore' });
          await end();
          await startIfDown(environment, nodeId);
        });
        return { heal, ...(detail !== undefined && { detail }) };
      } catch (error) {
        await end();
        throw error;
      }
    },
  };
}

/** Starts a node that exited because of the fault: a replica that cannot write to its append-only file exits. */
async function startIfDown(environment: Environment, nodeId: string): Promise<void> {
  if ((await stateOf(environment, nodeId)) === 'stopped') await startUnlessRunning(environment, nodeId);
}

function startProcess(what: string) {
  const child = fork(fileURLToPath(moduleUrl('./process', import.meta.url)), [], {
    execArgv: [],
    serialization: 'json',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const failure = (reason: string) => new KitError(`${what}: ${reason}`, { code: 'FAULT_FAILED' });
  return {
    async ask(command: ExhaustionCommand): Promise<ExhaustionReply> {
      const { promise, resolve, reject } = Promise.withResolvers<ExhaustionReply>();
      child.once('message', resolve);
      exited.then(() => reject(failure('its process exited unexpectedly')));
      child.send(command, (error) => error && reject(error));
      const reply = await withTimeout(`${what} to ${command.do}`, promise, BOUND);
      if (reply.error !== undefined) throw failure(`cannot ${command.do}: ${reply.error}`);
      return reply;
    },
    async end(): Promise<void> {
      if (child.connected) child.disconnect();
      await withTimeout(`the process of ${what} to end`, exited, BOUND).catch(() => child.kill('SIGKILL'));
    },
  };
}

/**
 * Returns the connection details of an admin user for another process, which receives them over its channel, never in a
 * file or argv.
 */
function accessOf({ options }: Redis): Access {
  const { host = '127.0.0.1', port = 6379, username = 'default', password = '', tls } = options;
  const ca = tls?.ca;
  return { host, port, username, password, ...(typeof ca === 'string' && { ca }) };
}
