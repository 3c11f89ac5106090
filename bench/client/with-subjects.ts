import type { Bench } from './scenario.ts';
import { openers, openersOf, type Subject, type SubjectName } from './subjects.ts';

/** Opens the subjects and always closes them. */
export async function withSubjects<T>(
  { redis, before }: Bench,
  names: readonly SubjectName[],
  act: (subjects: readonly Subject[]) => Promise<T>,
): Promise<T> {
  const subjects: Subject[] = [];
  try {
    const target = { host: redis.host, port: redis.port };
    const others: Partial<typeof openers> = before === undefined ? {} : await openersOf(before);
    for (const name of names) {
      subjects.push(await openers[name](target));
      const other = others[name];
      if (other) subjects.push(await other(target));
    }
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
