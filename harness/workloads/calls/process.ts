/**
 * Entry point of a process with its own cache, used to test guarantees that hold across processes. Each command on the
 * IPC channel gets a reply. The process ends when the channel closes, for any reason.
 */
import '../../../config/es2024.ts';
import type { Cache } from '../../../client/index.ts';
import type { ClientSpec } from '../adapter.ts';
import { loadClient } from '../client-module.ts';
import { type CacheOverrides, openKit } from '../kit.ts';
import type { Call, Performed } from './call.ts';
import { perform } from './perform.ts';

export type CallerCommand =
  | {
      readonly do: 'open';
      readonly spec: ClientSpec;
      readonly overrides: CacheOverrides;
    }
  | { readonly do: 'perform'; readonly call: Call }
  | { readonly do: 'close' };

export interface CallerRequest {
  readonly id: number;
  readonly command: CallerCommand;
}

export interface CallerReply {
  readonly id: number;
  readonly performed?: Performed;
  readonly error?: string;
}

let cache: Cache | undefined;

async function runCommand(command: CallerCommand): Promise<Performed | undefined> {
  if (command.do === 'open') {
    const { spec, overrides } = command;
    cache = openKit(spec, await loadClient(spec), overrides);
    await cache.ping();
    return undefined;
  }
  if (cache === undefined) throw new Error('no cache is open yet');
  if (command.do === 'perform') return perform(cache, command.call);
  await cache.close();
  return undefined;
}

process.on('message', ({ id, command }: CallerRequest) => {
  runCommand(command).then(
    (performed) => process.send?.({ id, ...(performed && { performed }) } satisfies CallerReply),
    (error: unknown) =>
      process.send?.({
        id,
        error: error instanceof Error ? error.message : String(error),
      } satisfies CallerReply),
  );
});
process.on('disconnect', () => process.exit(0));
// Signals reach the whole process group; this process ends when its parent closes the channel.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
