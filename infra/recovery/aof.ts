/**
 * Parses an append-only file as Redis loads it (aof.c, loadSingleAppendOnlyFile), and stores a digest per command.
 * Pure.
 *
 * pieces of a file ─▶ `AofScanner` ─▶ commands as digests, the valid length of the file, and the problem after that
 *
 * Master and replicas write the same commands in the same order, even if their files begin differently. Two lists of
 * digests therefore show which node has more (`compare.ts`). SELECT, MULTI and EXEC are left out of the list: a file
 * begins with its own SELECT, and the database is part of each digest. Commands are not executed, so an unknown command
 * is not detected.
 */

export interface AofScan {
  /**
   * Digests, one per complete command. A digest is odd if the command contains a time in ms (PXAT, PEXPIREAT), which
   * makes it unique.
   */
  readonly digests: Uint32Array;
  /** Number of bytes up to the end of the last complete command or transaction. */
  readonly validBytes: number;
  /**
   * Whether the file ends in the middle of a command or transaction. The server drops that part
   * (`aof-load-truncated yes`).
   */
  readonly isTruncated: boolean;
  /** Reason why the server refuses the file; absent if it accepts the file. */
  readonly problem?: string;
}

/** Maximum length of a line; a longer one is not a command header (aof.h, AOF_ANNOTATION_LINE_MAX_LEN). */
const LONGEST_LINE = 1_024;
const CRLF_BYTES = 2;
const [LF, CR, HASH, DOLLAR, STAR] = [10, 13, 35, 36, 42];
/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
const [FNV_OFFSET, FNV_PRIME] = [0x811c9dc5, 0x01000193];
/** Number of leading bytes of an argument that are kept: enough for every command name that the scanner compares. */
const NAME_BYTES = 16;

export class AofScanner {
  #digests = new Uint32Array(1_024);
  #count = 0;
  #position = 0;
  #validBytes = 0;
  #problem: string | undefined;
  /** Start of a transaction that has not ended. */
  #transaction: { readonly bytes: number; readonly count: number } | undefined;
  #database = 0;
  #line: number[] = [];
  /** Number of unread arguments of the current command; 0 between two commands. */
  #argumentsLeft = 0;
  #argumentIndex = 0;
  /** Number of unread bytes of the current argument, including its CR LF; -1 while a header line is read. */
  #bytesLeft = -1;
  #argumentBytes = 0;
  #words: [number[], number[]] = [[], []];
  /** First bytes of the last two arguments. */
  #last: [number[], number[]] = [[], []];
  #digest = FNV_OFFSET;

  push(piece: Uint8Array): void {
    let at = 0;
    while (at < piece.length && this.#problem === undefined) {
      at = this.#bytesLeft >= 0 ? this.#readArgument(piece, at) : this.#readLine(piece, at);
    }
  }

  end(): AofScan {
    const isOpen = this.#argumentsLeft > 0 || this.#line.length > 0 || this.#transaction !== undefined;
    const count = this.#transaction?.count ?? this.#count;
    const validBytes = this.#transaction?.bytes ?? this.#validBytes;
    const scan = { digests: this.#digests.slice(0, count), validBytes, isTruncated: isOpen };
    return this.#problem === undefined ? scan : { ...scan, isTruncated: false, problem: this.#problem };
  }

  #readLine(piece: Uint8Array, start: number): number {
    if (this.#line.length === 0) this.#checkMark(piece[start] as number);
    const newline = piece.indexOf(LF, start);
    const end = newline === -1 ? piece.length : newline;
    for (let i = start; i < end && this.#line.length <= LONGEST_LINE; i += 1)
      this.#line.push(piece[i] as number);
    if (this.#line.length > LONGEST_LINE) this.#fail('a line without a command header');
    if (newline === -1) {
      this.#position += end - start;
      return end;
    }
    const line = this.#line;
    this.#line = [];
    this.#header(line);
    this.#position += newline + 1 - start;
    if (this.#argumentsLeft === 0 && this.#problem === undefined) this.#validBytes = this.#position;
    return newline + 1;
  }

  /**
   * Checks the first byte of a line, even if the line is incomplete: zeros left by a power failure are not a truncated
   * command.
   */
  #checkMark(mark: number): void {
    if (this.#argumentsLeft > 0) {
      if (mark !== DOLLAR) this.#fail("an argument without the prefix '$'");
    } else if (mark !== STAR && mark !== HASH) {
      this.#fail("a command without the prefix '*'");
    }
  }

  #header(line: readonly number[]): void {
    if (this.#problem !== undefined) return;
    if (this.#argumentsLeft > 0) {
      this.#last = [this.#last[1], []];
      if (this.#argumentIndex < 2) this.#words[this.#argumentIndex] = this.#last[1];
      this.#argumentBytes = numberIn(line) ?? -1;
      if (this.#argumentBytes < 0) this.#fail('an argument with an invalid length');
      else this.#bytesLeft = this.#argumentBytes + CRLF_BYTES;
      return;
    }
    // An annotation such as `#TS:1700000000`.
    if (line[0] === HASH) return;
    this.#argumentsLeft = numberIn(line) ?? 0;
    if (this.#argumentsLeft < 1) this.#fail('a command without arguments');
    this.#argumentIndex = 0;
    this.#words = [[], []];
    this.#digest = mixDigest(FNV_OFFSET, this.#database);
  }

  #readArgument(piece: Uint8Array, start: number): number {
    const end = Math.min(piece.length, start + this.#bytesLeft);
    // The last two bytes are CR LF.
    const dataEnd = Math.max(start, Math.min(end, start + this.#bytesLeft - CRLF_BYTES));
    let digest = this.#digest;
    for (let i = start; i < dataEnd; i += 1) digest = Math.imul(digest ^ (piece[i] as number), FNV_PRIME);
    this.#digest = digest;
    const word = this.#last[1];
    for (let i = start; i < dataEnd && word.length < NAME_BYTES; i += 1) word.push(piece[i] as number);
    for (let i = dataEnd; i < end; i += 1) {
      const left = this.#bytesLeft - (i - start);
      if (piece[i] !== (left === CRLF_BYTES ? CR : LF))
        this.#fail('an argument that does not match its length');
    }
    this.#bytesLeft -= end - start;
    this.#position += end - start;
    if (this.#bytesLeft === 0) this.#argumentEnded();
    return end;
  }

  #argumentEnded(): void {
    this.#bytesLeft = -1;
    // Lengths separate the arguments: SET ab c differs from SET a bc.
    this.#digest = mixDigest(this.#digest, this.#argumentBytes);
    this.#argumentsLeft -= 1;
    this.#argumentIndex += 1;
    if (this.#argumentsLeft === 0 && this.#problem === undefined) this.#commandEnded();
  }

  #commandEnded(): void {
    const [name, first] = this.#words.map(textOf) as [string, string];
    if (name === 'multi') this.#transaction = { bytes: this.#validBytes, count: this.#count };
    else if (name === 'exec') this.#transaction = undefined;
    else if (name === 'select') this.#database = Number(first);
    else this.#keep(((this.#digest & ~1) | Number(this.#carriesTime(name))) >>> 0);
    this.#validBytes = this.#position;
  }

  /**
   * Whether a command contains a time: SET key value PXAT time, the form in which servers write every SET with a TTL,
   * or PEXPIREAT key time.
   */
  #carriesTime(name: string): boolean {
    return name === 'pexpireat' || (this.#argumentIndex >= 5 && textOf(this.#last[0]) === 'pxat');
  }

  #keep(digest: number): void {
    if (this.#count === this.#digests.length) {
      const longer = new Uint32Array(this.#digests.length * 2);
      longer.set(this.#digests);
      this.#digests = longer;
    }
    this.#digests[this.#count] = digest;
    this.#count += 1;
  }

  #fail(what: string): void {
    this.#problem ??= `${what}, after ${this.#validBytes} valid bytes`;
  }
}

function textOf(bytes: readonly number[]): string {
  return String.fromCharCode(...bytes).toLowerCase();
}

/** Parses the number after the first byte of a line. */
function numberIn(line: readonly number[]): number | undefined {
  const text = String.fromCharCode(...line.slice(1)).replace(/\r$/, '');
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function mixDigest(digest: number, value: number): number {
  let result = digest;
  for (let rest = value; ; rest = Math.floor(rest / 256)) {
    result = Math.imul(result ^ (rest & 0xff), FNV_PRIME);
    if (rest < 256) return result;
  }
}

/** A file of a manifest, in loading order: the base, then the increments. */
export interface AofFile {
  readonly name: string;
  readonly type: 'base' | 'increment';
}

/**
 * Parses `appendonly.aof.manifest` (aof.c, aofLoadManifestFromFile).
 *
 * @returns undefined if the server would refuse it
 */
export function parseManifest(
  text: string,
  split: (line: string) => readonly string[] | undefined,
): readonly AofFile[] | undefined {
  const files: (AofFile & { readonly sequence: number })[] = [];
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  if (lines.length === 0) return undefined;
  for (const line of lines) {
    const words = split(line.trim()) ?? [];
    const fieldOf = (key: string) => words[words.indexOf(key) + 1];
    const [name, sequence, type] = [fieldOf('file'), Number(fieldOf('seq')), fieldOf('type')];
    const isKnown = type === 'b' || type === 'i' || type === 'h';
    if (words.length < 6 || name === undefined || name.includes('/') || !(sequence >= 1) || !isKnown)
      return undefined;
    // Files from before a rewrite: deleted at the next start, never loaded.
    if (type === 'h') continue;
    files.push({ name, type: type === 'b' ? 'base' : 'increment', sequence });
  }
  const bases = files.filter(({ type }) => type === 'base');
  if (bases.length > 1) return undefined;
  const increments = files.filter(({ type }) => type === 'increment').sort((a, b) => a.sequence - b.sequence);
  return [...bases, ...increments].map(({ name, type }) => ({ name, type }));
}
