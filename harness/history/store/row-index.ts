/**
 * Rows by client and operation id: 7 bytes per operation, where a `Map` with a string per operation takes about 150.
 */

const FIRST_SLOTS = 1 << 8;
/** Share of used slots above which the table grows. */
const MAX_USED = 0.7;

export interface IndexedRows {
  clientAt(row: number): string;
  opAt(row: number): number;
}

export class RowIndex {
  readonly #rows: IndexedRows;
  /** Row + 1; 0 for a free slot. */
  #slots = new Int32Array(FIRST_SLOTS);
  #count = 0;
  readonly #clients = new Map<string, number>();
  /** Random, so that crafted ids cannot share a slot. No result depends on it. */
  readonly #seed = Math.floor(Math.random() * 2 ** 31);

  constructor(rows: IndexedRows) {
    this.#rows = rows;
  }

  rowOf(client: string, op: number): number | undefined {
    const found = this.#slots[this.#slotOf(client, op)] as number;
    return found === 0 ? undefined : found - 1;
  }

  /** Adds a row whose client and operation id are not in the index yet. */
  add(row: number): void {
    if (++this.#count > this.#slots.length * MAX_USED) this.#grow();
    this.#place(row);
  }

  #place(row: number): void {
    this.#slots[this.#slotOf(this.#rows.clientAt(row), this.#rows.opAt(row))] = row + 1;
  }

  /** Returns the slot of an operation, or the free slot in which to store it. */
  #slotOf(client: string, op: number): number {
    const mask = this.#slots.length - 1;
    let slot = this.#hash(client, op) & mask;
    for (;;) {
      const found = this.#slots[slot] as number;
      if (found === 0) return slot;
      if (this.#rows.opAt(found - 1) === op && this.#rows.clientAt(found - 1) === client) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #hash(client: string, op: number): number {
    let number = this.#clients.get(client);
    if (number === undefined) {
      number = this.#clients.size;
      this.#clients.set(client, number);
    }
    let hash = Math.imul((op | 0) ^ this.#seed, 0x2c1b3c6d) ^ Math.floor(op / 2 ** 32);
    hash = Math.imul(hash ^ (hash >>> 15), 0x297a2d39) + Math.imul(number, 0x01000193);
    return hash ^ (hash >>> 15);
  }

  #grow(): void {
    const placed = this.#slots;
    this.#slots = new Int32Array(placed.length * 2);
    for (const row of placed) if (row !== 0) this.#place(row - 1);
  }
}
