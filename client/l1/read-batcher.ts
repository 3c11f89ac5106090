/** Sends all background reads of one tick together, after the replies that arrived in the tick have been processed. */
export class ReadBatcher {
  readonly #ask: (key: string) => Promise<Buffer | null>;
  #waiting: (() => void)[] = [];

  constructor(ask: (key: string) => Promise<Buffer | null>) {
    this.#ask = ask;
  }

  read(key: string): Promise<Buffer | null> {
    return new Promise((resolve, reject) => {
      const first = this.#waiting.length === 0;
      this.#waiting.push(() => this.#ask(key).then(resolve, reject));
      if (first) setImmediate(() => this.#send());
    });
  }

  #send(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const send of waiting) send();
  }
}
