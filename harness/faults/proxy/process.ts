/**
 * Entry point of the fault proxy's process. Commands arrive over the IPC channel, and each gets a reply. When the
 * channel closes, for any reason, the process ends, so that it never outlives its parent.
 */
import '../../../config/es2024.ts';
import type { Address } from '../../../infra/topology.ts';
import { ProxyServer } from './server.ts';
import type { Toxic, Traffic } from './toxic.ts';

export type ProxyCommand =
  | { readonly do: 'listen'; readonly upstream: Address; readonly host?: string }
  | { readonly do: 'add'; readonly name: string; readonly toxic: Toxic }
  | { readonly do: 'remove'; readonly name: string }
  | { readonly do: 'enable'; readonly enabled: boolean }
  | { readonly do: 'reset' }
  | { readonly do: 'count' };

export interface ProxyRequest {
  readonly id: number;
  readonly command: ProxyCommand;
}

export interface ProxyReply {
  readonly id: number;
  readonly address?: Address;
  readonly traffic?: Traffic;
  readonly error?: string;
}

let proxy: ProxyServer | undefined;

async function runCommand(command: ProxyCommand): Promise<void> {
  if (command.do === 'listen') {
    proxy = await ProxyServer.start(command.upstream, command.host);
    return;
  }
  if (proxy === undefined) throw new Error('not listening yet');
  if (command.do === 'add') proxy.add(command.name, command.toxic);
  else if (command.do === 'remove') proxy.remove(command.name);
  else if (command.do === 'enable') await proxy.setEnabled(command.enabled);
  else if (command.do === 'reset') await proxy.reset();
}

process.on('message', ({ id, command }: ProxyRequest) => {
  runCommand(command).then(
    () =>
      process.send?.({
        id,
        ...(proxy && { address: proxy.address, traffic: proxy.traffic }),
      } satisfies ProxyReply),
    (error: Error) => process.send?.({ id, error: error.message } satisfies ProxyReply),
  );
});
process.on('disconnect', () => process.exit(0));
// Signals reach the whole process group; the proxy ends when its owner closes the channel.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
