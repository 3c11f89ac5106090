/**
 * The API reference of the client: the committed pages match the types and their comments, and the comments are
 * complete.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** The fields of typedoc's JSON that these tests read. */
interface Declaration {
  readonly name: string;
  readonly kind: number;
  readonly comment?: { readonly summary?: readonly { readonly text: string }[] };
  readonly children?: readonly Declaration[];
  readonly signatures?: readonly Declaration[];
  readonly type?: { readonly declaration?: Declaration };
  readonly flags?: { readonly isOptional?: true };
  readonly inheritedFrom?: object;
}

/** The value of `ReflectionKind.Reference`. */
const REFERENCE = 4_194_304;

const TOP = resolve(import.meta.dirname, '../..');
const TOOL = join(TOP, 'tools/api-reference');
const out = mkdtempSync(join(tmpdir(), 'kit-reference-'));
let modules: readonly Declaration[];
let declared: readonly Declaration[];

beforeAll(async () => {
  const typedoc = join(TOOL, 'node_modules/typedoc/bin/typedoc');
  const args = [typedoc, '--out', out, '--json', join(out, 'api.json')];
  await promisify(execFile)(process.execPath, args, { cwd: TOOL, timeout: 60_000 });
  modules = JSON.parse(readFileSync(join(out, 'api.json'), 'utf8')).children;
  // A name that several entry points export is a declaration in one of them, and a reference in the others.
  declared = modules.flatMap(({ children }) => children ?? []).filter(({ kind }) => kind !== REFERENCE);
});
afterAll(() => rmSync(out, { recursive: true, force: true }));

const text = ({ comment }: Declaration): string => comment?.summary?.map((part) => part.text).join('') ?? '';
const signaturesOf = (of: Declaration): readonly Declaration[] =>
  of.signatures ?? of.type?.declaration?.signatures ?? [];
const isDocumented = (of: Declaration): boolean =>
  [of, ...signaturesOf(of)].some((each) => text(each) !== '');

/** True if callers provide values of the type. */
const isGiven = ({ name }: Declaration): boolean =>
  /(?:Options|Defaults|Strategy|Request|Search|Address|Rule|Outdated)$/.test(name);
/** True if another package declares the type, and the client only references it. */
const isForeign = ({ name }: Declaration): boolean => /^(?:Telemetry(?!Options)|Standard)/.test(name);

/** Optional number options, including in nested options. */
function numbersOf(
  members: readonly Declaration[],
  path: string,
): { readonly name: string; readonly said: string }[] {
  return members.flatMap((member) => {
    const name = `${path}.${member.name}`;
    const nested = member.type?.declaration?.children;
    if (nested) return numbersOf(nested, name);
    const isNumber = member.flags?.isOptional && /"number"/.test(JSON.stringify(member.type));
    return isNumber ? [{ name, said: text(member) }] : [];
  });
}

it('docs/client/api/ is up to date (`npm run docs:api` updates it)', () => {
  const folder = join(TOP, 'docs/client/api');
  const pages = readdirSync(out).filter((name) => name.endsWith('.md'));
  expect(readdirSync(folder).sort()).toEqual(pages.sort());
  for (const page of pages)
    expect(readFileSync(join(folder, page), 'utf8')).toBe(readFileSync(join(out, page), 'utf8'));
});

it('the main entry point exports at most 45 names', () => {
  const names = modules.find(({ name }) => name === 'main')?.children?.map(({ name }) => name) ?? [];
  expect(names).toContain('openCache');
  expect(names.length).toBeLessThanOrEqual(45);
});

it('every export is documented', () => {
  expect(declared.length).toBeGreaterThan(100);
  expect(declared.filter((each) => !isDocumented(each)).map(({ name }) => name)).toEqual([]);
});

it('every method and every option is documented', () => {
  const silent = declared
    .filter((each) => !isForeign(each))
    .flatMap((of) =>
      (of.children ?? [])
        .filter((member) => member.name !== 'constructor' && !isDocumented(member))
        .filter((member) => isGiven(of) || (signaturesOf(member).length > 0 && !member.inheritedFrom))
        .map((member) => `${of.name}.${member.name}`),
    );
  expect(silent).toEqual([]);
});

it('every optional number is documented with its unit or scale, and its default', () => {
  const numbers = declared.filter(isGiven).flatMap((of) => numbersOf(of.children ?? [], of.name));
  expect(numbers.length).toBeGreaterThan(50);
  const silent = numbers.filter(({ said }) => !/default|absent|where it is not|in any currency/i.test(said));
  expect(silent.map(({ name, said }) => `${name}: ${said}`)).toEqual([]);
  const times = numbers.filter(({ name }) => /(?:Ms|Seconds)$/.test(name));
  const withoutUnit = times.filter(({ said }) => !/\bms\b|\bseconds\b/i.test(said));
  expect(withoutUnit.map(({ name, said }) => `${name}: ${said}`)).toEqual([]);
});
