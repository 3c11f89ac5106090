/** Commands of one connection that await a reply, in the order in which they were sent. */
import type { Argument } from './commands.ts';

/** Command sent by this client rather than by ioredis. */
export interface OwnCommand {
  readonly name: string;
  readonly args: readonly Argument[];
  /** Resolves the command. Strings in the reply are Buffers. */
  resolve(reply: unknown): void;
  reject(error: Error): void;
}

/** Command that awaits a reply; undefined if ioredis sent it. */
type PendingCommand = OwnCommand | undefined;

/** Minimum number of removed entries at the front of the array before it is compacted. */
const COMPACT_AT = 1024;

export class PendingReplies {
  #commands: PendingCommand[] = [];
  #head = 0;

  push(command: PendingCommand): void {
    this.#commands.push(command);
  }

  peek(): PendingCommand {
    return this.#commands[this.#head];
  }

  shift(): PendingCommand {
    const command = this.#commands[this.#head];
    if (this.#head === this.#commands.length) return undefined;
    this.#commands[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#commands.length) {
      this.#commands.length = 0;
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#commands.length) {
      this.#commands = this.#commands.slice(this.#head);
      this.#head = 0;
    }
    return command;
  }

  /** Removes all commands and returns those of this client. */
  clear(): readonly OwnCommand[] {
    const commands = this.#commands.slice(this.#head);
    this.#commands = [];
    this.#head = 0;
    return commands.filter((command) => command !== undefined);
  }
}
