/** Prompts the user before something is deleted, overwritten or taken over. */
import { createInterface } from 'node:readline/promises';
import { KitError } from '../config/errors.ts';
import type { Session } from './session.ts';

export interface Confirmation {
  /** Sentence that states what must be confirmed, for the error. */
  readonly refusal: string;
  /** Sentence that states what will happen, shown before the prompt. */
  readonly consequence: string;
  /** Word that the user has to type. */
  readonly word: string;
  /** Completes the prompt: `Type dev to delete them: `. */
  readonly action: string;
  /** Error code and hint to use if there is no terminal. */
  readonly code: string;
  readonly hint: string;
  readonly where?: string;
}

/**
 * Prompts on a terminal and returns whether the user typed the word.
 *
 * @throws KitError with the given code if there is no terminal, or if `--json` is given
 */
export async function confirm(
  { json, terminal, signal }: Session,
  { refusal, consequence, word, action, code, hint, where }: Confirmation,
): Promise<boolean> {
  if (json || !process.stdin.isTTY) {
    throw new KitError(refusal, {
      code,
      hint,
      ...(where !== undefined && { where }),
    });
  }
  terminal.printError(`${consequence}\n`);
  const dialogue = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await dialogue.question(`Type ${word} to ${action}: `, { signal });
    return answer.trim() === word;
  } finally {
    dialogue.close();
  }
}

/**
 * Requires a confirmation of `what`. @throws KitError `UNCONFIRMED` if there is no terminal, or if the user gives any
 * other answer
 */
export async function requireConfirmation(
  session: Session,
  { what, word, action }: Pick<Confirmation, 'word' | 'action'> & { readonly what: string },
): Promise<void> {
  const refusal = {
    code: 'UNCONFIRMED',
    hint: 'run the command in a terminal to be prompted, or pass --yes',
  };
  const isConfirmed = await confirm(session, {
    ...{ refusal: `${what}: this must be confirmed`, consequence: `${what}.` },
    ...{ word, action, ...refusal },
  });
  if (!isConfirmed) throw new KitError(`${what}: not confirmed, nothing was changed`, refusal);
}
