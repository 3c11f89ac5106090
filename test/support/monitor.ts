/**
 * MONITOR over a plain socket. ioredis fails with "Command queue state error" if a monitored command arrives in the
 * same chunk as the reply to MONITOR, which happens on a server in use.
 */
import { connect } from 'node:net';

export interface MonitoredCommand {
  /** Server time, in seconds since 1970. */
  readonly atSeconds: number;
  /** Address of the client, or `lua` for a command in a script. */
  readonly source: string;
  /** Name and arguments, with the escape sequences of Redis. */
  readonly args: readonly string[];
}

/** Calls the listener for every command from now on. Returns a function that stops the monitoring. */
export async function monitorCommands(
  { host, port }: { readonly host: string; readonly port: number },
  listener: (command: MonitoredCommand) => void,
): Promise<() => void> {
  const socket = connect({ host, port }).setEncoding('utf8');
  await new Promise<void>((resolve, reject) => {
    let rest = '';
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`MONITOR: ${host}:${port} closed the connection`)));
    socket.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === '+OK') resolve();
        else if (line.startsWith('-')) reject(new Error(`MONITOR: ${line.slice(1)}`));
        else listener(parseCommand(line));
      }
    });
    socket.write('MONITOR\r\n');
  });
  return () => socket.destroy();
}

/** Parses a line such as `+1795915906.583534 [0 127.0.0.1:55530] "GET" "k"`. */
function parseCommand(line: string): MonitoredCommand {
  const [, at, source = '', words = ''] = /^\+([\d.]+) \[\d+ ([^\]]+)\] (.*)$/s.exec(line) ?? [];
  return {
    atSeconds: Number(at),
    source,
    args: [...words.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) => word),
  };
}
