/** Runs `kit` in this process with separate streams. */
import type { ExitCode } from '../../config/errors.ts';
import { kit } from '../../scripts/program.ts';
import { recordStreams } from './recorded-streams.ts';

export interface KitCall {
  readonly exitCode: ExitCode;
  readonly out: string;
  readonly err: string;
}

export async function callKit(...args: readonly string[]): Promise<KitCall> {
  const streams = recordStreams();
  const exitCode = await kit(args, streams, new AbortController().signal);
  return { exitCode, out: streams.out(), err: streams.err() };
}
