/** Parses the text of Redis's INFO into fields. Pure. */
export type Info = Readonly<Record<string, string>>;

export function parseInfo(text: string): Info {
  const fields: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) fields[line.slice(0, colon)] = line.slice(colon + 1);
  }
  return fields;
}

/**
 * Returns a numeric field; null if it is absent or not a number, which is not the same as 0: `maxmemory:0` means that
 * there is no limit.
 */
export function infoNumber(info: Info, field: string): number | null {
  const text = info[field]?.trim() ?? '';
  const value = Number(text);
  return text === '' || !Number.isFinite(value) ? null : value;
}

/**
 * Parses the lines about replicas, `slave0:ip=127.0.0.1,port=6380,state=online,offset=12,lag=0` and so on, as records.
 */
export function replicasOf(info: Info): readonly Info[] {
  return Object.entries(info)
    .filter(([field]) => /^slave\d+$/.test(field))
    .map(([, text]) =>
      Object.fromEntries(
        text.split(',').map((pair) => {
          const equals = pair.indexOf('=');
          return [pair.slice(0, equals), pair.slice(equals + 1)];
        }),
      ),
    );
}
