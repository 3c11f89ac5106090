/** What a JSON value must look like to be read as evidence, and the first thing in it that does not. */

export type Shape =
  | 'string'
  | 'number'
  /** One of these words. */
  | { readonly oneOf: readonly string[] }
  | { readonly listOf: Shape }
  /** Any keys, values of one shape. */
  | { readonly mapOf: Shape }
  | { readonly optional: Shape }
  | { readonly nullable: Shape }
  | { readonly fields: Readonly<Record<string, Shape>> };

/** `trials[2].status must be completed, not-measured or failed, not "complfted"`; undefined where all is well. */
export function misshapen(value: unknown, shape: Shape, path = ''): string | undefined {
  const must = (what: string) =>
    `${path || 'it'} must be ${what}, not ${JSON.stringify(value)?.slice(0, 60)}`;
  if (typeof shape === 'string') {
    const right = typeof value === shape && (shape !== 'number' || Number.isFinite(value));
    return right ? undefined : must(`a ${shape}`);
  }
  if ('oneOf' in shape) {
    return shape.oneOf.some((word) => word === value) ? undefined : must(`one of ${shape.oneOf.join(', ')}`);
  }
  if ('optional' in shape) return value === undefined ? undefined : misshapen(value, shape.optional, path);
  if ('nullable' in shape) return value === null ? undefined : misshapen(value, shape.nullable, path);
  if ('listOf' in shape) {
    if (!Array.isArray(value)) return must('a list');
    return first(value, (item, index) => misshapen(item, shape.listOf, `${path}[${index}]`));
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return must('an object');
  const below = (key: string) => (path === '' ? key : `${path}.${key}`);
  if ('mapOf' in shape) {
    return first(Object.entries(value), ([key, item]) => misshapen(item, shape.mapOf, below(key)));
  }
  const fields = value as Readonly<Record<string, unknown>>;
  return first(Object.entries(shape.fields), ([key, inner]) => misshapen(fields[key], inner, below(key)));
}

function first<T>(
  items: readonly T[],
  problem: (item: T, index: number) => string | undefined,
): string | undefined {
  for (const [index, item] of items.entries()) {
    const found = problem(item, index);
    if (found !== undefined) return found;
  }
  return undefined;
}
