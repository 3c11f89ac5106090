/** The values that were written to each key, as pairs of numbers: 12 bytes per pair. */
import type { History, OperationList } from '../history/events.ts';

const FIRST_SLOTS = 1 << 8;
/** Share of used slots above which the table grows. */
const MAX_USED = 0.6;

export class WrittenValues {
  readonly #history: History;
  /** Numbers of the key and the value of each pair, alternating; 0 for a free slot. */
  #slots = new Int32Array(2 * FIRST_SLOTS);
  #count = 0;

  /** @param operations operations whose writes count, including values that were returned by loaders */
  constructor(history: History, operations: OperationList) {
    this.#history = history;
    for (const { invoke, keyNumber, valueNumber } of operations) {
      const { kind } = invoke;
      if (valueNumber !== undefined && (kind === 'set' || kind === 'getOrCompute'))
        this.#add(keyNumber, valueNumber);
      if (kind !== 'setMany') continue;
      const { keys = [], values = [] } = invoke;
      for (const [i, key] of keys.entries()) this.#addTexts(key, values[i]);
    }
  }

  /** Whether the value with the given number was written to a key. */
  has(keyNumber: number, valueNumber: number | undefined): boolean {
    return valueNumber !== undefined && this.#slots[this.#slotOf(keyNumber, valueNumber)] === keyNumber;
  }

  /** Whether a value was written to a key. */
  hasText(key: string, value: string): boolean {
    const keyNumber = this.#history.keys.numberOf(key);
    return keyNumber !== undefined && this.has(keyNumber, this.#history.values.numberOf(value));
  }

  #addTexts(key: string, value: string | undefined): void {
    const keyNumber = this.#history.keys.numberOf(key);
    const valueNumber = value === undefined ? undefined : this.#history.values.numberOf(value);
    if (keyNumber !== undefined && valueNumber !== undefined) this.#add(keyNumber, valueNumber);
  }

  #add(keyNumber: number, valueNumber: number): void {
    const slot = this.#slotOf(keyNumber, valueNumber);
    if (this.#slots[slot] !== 0) return;
    this.#slots[slot] = keyNumber;
    this.#slots[slot + 1] = valueNumber;
    if (++this.#count > (this.#slots.length / 2) * MAX_USED) this.#grow();
  }

  /** Returns the slot of a pair, or the free slot in which to store it. */
  #slotOf(keyNumber: number, valueNumber: number): number {
    const mask = this.#slots.length / 2 - 1;
    let hash = Math.imul(keyNumber, 0x2c1b3c6d) ^ Math.imul(valueNumber, 0x297a2d39);
    hash = Math.imul(hash ^ (hash >>> 15), 0x01000193);
    let slot = (hash ^ (hash >>> 13)) & mask;
    for (;;) {
      const key = this.#slots[2 * slot];
      if (key === 0 || (key === keyNumber && this.#slots[2 * slot + 1] === valueNumber)) return 2 * slot;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const placed = this.#slots;
    this.#slots = new Int32Array(placed.length * 2);
    for (let at = 0; at < placed.length; at += 2) {
      const [key, value] = [placed[at] as number, placed[at + 1] as number];
      if (key === 0) continue;
      const slot = this.#slotOf(key, value);
      this.#slots[slot] = key;
      this.#slots[slot + 1] = value;
    }
  }
}
