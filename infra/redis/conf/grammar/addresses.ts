/** Numeric addresses as `getaddrinfo` of libc reads them, with all the short forms of IPv4. */

/** Normalises an address, so that two spellings can be compared; returns undefined for a host name. */
export function parseAddress(text: string): string | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/**
 * Parses an address as `inet_aton` does: one to four parts, each decimal, octal (`0…`) or hexadecimal (`0x…`); the last
 * part fills the remaining bytes.
 */
function parseIpv4(text: string): string | undefined {
  const parts = text.split('.');
  if (parts.length > 4) return undefined;
  const values = parts.map(parsePart);
  const last = values.at(-1);
  if (last === undefined || values.includes(undefined)) return undefined;
  const head = values.slice(0, -1) as number[];
  if (head.some((value) => value > 255) || last >= 256 ** (5 - parts.length)) return undefined;
  const address = head.reduce((sum, value, i) => sum + value * 256 ** (3 - i), 0) + last;
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

function parsePart(text: string): number | undefined {
  if (/^0x[\da-f]+$/i.test(text)) return Number.parseInt(text, 16);
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8);
  return /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
}

/** Parses an address as `inet_pton` does: strict, with one `::` and an IPv4 tail; a zone (`%eth0`) may follow. */
function parseIpv6(text: string): string | undefined {
  const [address = '', zone] = text.split(/%(.*)/s);
  const groups = expandTail(address);
  if (groups === undefined || (zone !== undefined && zone === '')) return undefined;
  const halves = groups.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (!all.every((group) => /^[\da-f]{1,4}$/i.test(group))) return undefined;
  return `${all.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}${zone === undefined ? '' : `%${zone}`}`;
}

/** Writes an IPv4 tail (`::ffff:127.0.0.1`) as two groups. */
function expandTail(address: string): string | undefined {
  const [, head, tail] = /^(.*:)(\d{1,3}(?:\.\d{1,3}){3})$/.exec(address) ?? [];
  if (head === undefined || tail === undefined) return address.includes('.') ? undefined : address;
  if (!isStrictIpv4(tail)) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = tail.split('.').map(Number);
  return `${head}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

/** Whether `inet_pton` accepts the text as IPv4: four decimal parts. */
export function isStrictIpv4(text: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.|$)){4}$/.test(text) && !text.endsWith('.');
}

export function isIpv6(text: string): boolean {
  return text.includes(':') && !text.includes('%') && parseIpv6(text) !== undefined;
}
