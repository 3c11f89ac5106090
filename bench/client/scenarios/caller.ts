/** Child process of `stampede.ts`: opens a client, requests keys on command, and reports. */
import { openers, type Subject, type SubjectName, type Target } from '../subjects.ts';

export interface CallerTask {
  readonly subject: SubjectName;
  readonly ask: { readonly key: string; readonly callers: number; readonly loadMs: number };
}

export interface CallerReport {
  readonly answered: number;
  readonly loads: number;
  readonly slowestMs: number;
}

type Message =
  | { readonly open: { readonly subject: SubjectName; readonly target: Target } }
  | { readonly ask: CallerTask['ask'] };

let subject: Subject | undefined;

async function ask({ key, callers, loadMs }: CallerTask['ask']): Promise<CallerReport> {
  const report = { answered: 0, loads: 0, slowestMs: 0 };
  const startedAt = performance.now();
  const load = async (): Promise<unknown> => {
    report.loads += 1;
    process.send?.('loading');
    await new Promise((done) => setTimeout(done, loadMs));
    return { of: key };
  };
  await Promise.all(
    Array.from({ length: callers }, async () => {
      await subject?.getOrCompute?.(key, load);
      report.answered += 1;
      report.slowestMs = Math.max(report.slowestMs, performance.now() - startedAt);
    }),
  );
  return report;
}

process.on('message', async (message: Message) => {
  if ('ask' in message) process.send?.(await ask(message.ask));
  else {
    subject = await openers[message.open.subject](message.open.target);
    process.send?.({ answered: 0, loads: 0, slowestMs: 0 } satisfies CallerReport);
  }
});
process.on('disconnect', () => process.exit());
