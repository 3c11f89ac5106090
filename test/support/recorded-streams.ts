import type { Streams } from '../../scripts/terminal.ts';

/** Creates streams that store all written text. */
export function recordStreams(
  options: {
    readonly isTTY?: boolean;
    readonly columns?: number;
    readonly rows?: number;
    readonly colours?: boolean;
  } = {},
): Streams & { out(): string; err(): string } {
  const written = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
    isTTY: options.isTTY ?? false,
    ...(options.columns === undefined ? {} : { columns: options.columns }),
    ...(options.rows === undefined ? {} : { rows: options.rows }),
    hasColors: () => options.colours ?? false,
  });
  return {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    out: () => written.stdout,
    err: () => written.stderr,
  };
}
