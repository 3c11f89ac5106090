import type { Bench } from './scenario.ts';
import { openers, type Subject, type SubjectName } from './subjects.ts';

/** Opens the subjects and always closes them. */
export async function withSubjects<T>(
  { redis }: Bench,
  names: readonly SubjectName[],
  act: (subjects: readonly Subject[]) => Promise<T>,
): Promise<T> {
  const subjects: Subject[] = [];
  try {
    for (const name of names) subjects.push(await openers[name]({ host: redis.host, port: redis.port }));
    return await act(subjects);
  } finally {
    await Promise.all(subjects.map((subject) => subject.close()));
  }
}

export function ratioOf(
  rows: readonly { readonly name: string; readonly ratio: number }[],
  name: string,
): number {
  return rows.find((row) => row.name === name)?.ratio ?? Number.NaN;
}

export function total(commands: ReadonlyMap<string, number>): number {
  return [...commands.values()].reduce((sum, calls) => sum + calls, 0);
}
