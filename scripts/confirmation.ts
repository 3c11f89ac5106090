/** Prompts on a terminal before a command overwrites something. */
import { createInterface } from 'node:readline/promises';
import { KitError } from '../config/errors.ts';
import type { Session } from './session.ts';

/**
 * @param lost sentence that states what the command would overwrite
 * @param answer word that confirms
 * @throws KitError `UNCONFIRMED` without a terminal, or for another answer; nothing was changed
 */
export async function confirmLoss(
  { json, terminal, signal }: Session,
  { lost, answer, hint }: { readonly lost: string; readonly answer: string; readonly hint: string },
): Promise<void> {
  if (json || !process.stdin.isTTY) throw unconfirmed(`${lost}: this must be confirmed`, hint);
  terminal.printError(`${lost}.\n`);
  const dialogue = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const typed = await dialogue.question(`Type ${answer} to continue: `, { signal });
    if (typed.trim() !== answer) throw unconfirmed(`got '${typed.trim()}' instead of '${answer}'`, hint);
  } finally {
    dialogue.close();
  }
}

function unconfirmed(message: string, hint: string): KitError {
  return new KitError(message, { code: 'UNCONFIRMED', hint });
}
