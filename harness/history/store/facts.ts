/** Fields that many operations share, stored once per combination. */
import type { CompletionEvent, InvokeEvent } from '../events.ts';

export type InvokeFacts = Omit<
  InvokeEvent,
  'op' | 'key' | 'value' | 'keys' | 'values' | 'intendedUs' | 'atUs'
>;
export type CompletionFacts = Omit<CompletionEvent, 'client' | 'op' | 'atUs' | 'value' | 'values'>;

class FactTable<Event, Facts> {
  readonly #idOf: (event: Event) => string;
  readonly #factsOf: (event: Event) => Facts;
  readonly #numbers = new Map<string, number>();
  readonly #facts: Facts[] = [];

  constructor(idOf: (event: Event) => string, factsOf: (event: Event) => Facts) {
    this.#idOf = idOf;
    this.#factsOf = factsOf;
  }

  /** Returns the number that identifies the facts in an event; adds the facts if they are new. */
  add(event: Event): number {
    const id = this.#idOf(event);
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    this.#numbers.set(id, this.#facts.length);
    return this.#facts.push(this.#factsOf(event)) - 1;
  }

  at(number: number): Facts {
    return this.#facts[number] as Facts;
  }
}

export function invokeFacts(): FactTable<InvokeEvent, InvokeFacts> {
  // No name contains a space, so that two combinations never have the same id.
  const idOf = ({ client, kind, phase, deadlineMs, batch, durability }: InvokeEvent) => {
    const promise =
      typeof durability === 'object' ? `${durability.replicas}/${durability.timeoutMs}` : durability;
    return `${client} ${kind} ${phase ?? ''} ${deadlineMs ?? ''} ${batch ?? ''} ${promise ?? ''}`;
  };
  return new FactTable(idOf, ({ type, client, kind, phase, deadlineMs, batch, durability }) => ({
    ...{ type, client, kind },
    ...(phase !== undefined && { phase }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(batch !== undefined && { batch }),
    ...(durability !== undefined && { durability }),
  }));
}

export function completionFacts(): FactTable<CompletionEvent, CompletionFacts> {
  const idOf = ({ type, source, replicas, error }: CompletionEvent) => {
    const problem = error === undefined ? '' : JSON.stringify([error.code, error.message]);
    return `${type} ${source ?? ''} ${replicas ?? ''} ${problem}`;
  };
  return new FactTable(idOf, ({ type, source, replicas, error }) => ({
    type,
    ...(source !== undefined && { source }),
    ...(replicas !== undefined && { replicas }),
    ...(error !== undefined && { error: { code: error.code, message: error.message } }),
  }));
}
