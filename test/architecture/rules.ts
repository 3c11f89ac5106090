/**
 * The architecture rules as pure functions over files given as text. Each function returns its violations as sentences.
 * `architecture.test.ts` holds the table and passes the real tree; `rules.test.ts` passes trees that violate every
 * rule.
 */
import { dirname, join, normalize } from 'node:path/posix';
import { functionsOf, importsOf, mask } from './source.ts';

export interface SourceFile {
  /** Relative to the top-level folder, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Room {
  /** Folder (`infra/substrates/local/`) or file (`infra/topology.ts`). The longest match owns a file. */
  readonly at: string;
  /** Reason for the allowed imports; printed with a violation. */
  readonly because: string;
  /** Folders and files that the owned files may import. Imports among the owned files are always allowed. */
  readonly imports: readonly string[];
  /** Like `imports`, for type-only imports. */
  readonly types?: readonly string[];
  readonly libraries?: readonly string[];
  /** Allowed `node:` modules: `any`, or only the named ones. Pure modules may import none. */
  readonly node: 'any' | readonly string[];
}

/** Returns a room that may import every `node:` module, unless `more` restricts it. */
export function room(
  at: string,
  because: string,
  imports: readonly string[],
  more: Partial<Room> = {},
): Room {
  return { at, because, imports, node: 'any', ...more };
}

/** The area of the code base that owns a file. */
export function roomOf(rooms: readonly Room[], path: string): Room | undefined {
  return rooms
    .filter(({ at }) => isWithin(path, at))
    .reduce<Room | undefined>(
      (best, room) => (best === undefined || room.at.length > best.at.length ? room : best),
      undefined,
    );
}

/** Imports that the table does not allow, files that no row of the table covers, and rows without a file. */
export function brokenImports(rooms: readonly Room[], files: readonly SourceFile[]): string[] {
  const sources = files.filter(({ path }) => path.endsWith('.ts'));
  const homeless = sources.filter(({ path }) => roomOf(rooms, path) === undefined);
  const dead = rooms.filter((room) => !sources.some(({ path }) => roomOf(rooms, path) === room));
  return [
    ...homeless.map(({ path }) => `${path}: in no row of the table`),
    ...dead.map(({ at }) => `${at}: a row of the table that owns no file`),
    ...sources.flatMap((file) => brokenIn(rooms, file)),
  ];
}

function brokenIn(rooms: readonly Room[], { path, text }: SourceFile): string[] {
  const room = roomOf(rooms, path);
  if (room === undefined) return [];
  return importsOf(text).flatMap(({ specifier, typeOnly, line }) =>
    mayImport(room, path, specifier, typeOnly)
      ? []
      : [
          `${path}:${line}: ${typeOnly ? 'the type of ' : ''}'${specifier}' must not be imported by ${room.at} (${room.because})`,
        ],
  );
}

function mayImport(room: Room, from: string, specifier: string, typeOnly: boolean): boolean {
  if (room.imports.includes('*')) return true;
  if (specifier.startsWith('node:')) return room.node === 'any' || room.node.includes(specifier);
  if (specifier.startsWith('.')) {
    const target = normalize(join(dirname(from), specifier));
    const allowed = [room.at, ...room.imports, ...(typeOnly ? (room.types ?? []) : [])];
    return allowed.some((at) => isWithin(target, at));
  }
  const library = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  return (room.libraries ?? []).includes(library);
}

/** Files that read environment variables without permission. */
export function undeclaredVariableReads(readers: readonly string[], files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => path.endsWith('.ts') && !/^(?:test|\.ci)\//.test(path) && !readers.includes(path))
    .flatMap(({ path, text }) =>
      lines(mask(text).code)
        .filter(([, line]) => /\bprocess\s*\??\.\s*env\b|\bprocess\s*\[/.test(line))
        .map(([number]) => `${path}:${number}: reads process.env; only ${readers.join(' and ')} may`),
    );
}

/** Files and functions that are too long. Functions in test files may be of any length, because tests are lists. */
export function overlongCode(
  files: readonly SourceFile[],
  limits: { file: number; function: number },
): string[] {
  return files
    .filter(({ path }) => path.endsWith('.ts'))
    .flatMap(({ path, text }) => {
      const length = text.trimEnd().split('\n').length;
      const long = path.startsWith('test/')
        ? []
        : functionsOf(text).filter((span) => span.lines > limits.function);
      return [
        ...(length > limits.file ? [`${path}: ${length} lines, at most ${limits.file}`] : []),
        ...long.map(
          (span) => `${path}:${span.line}: a function of ${span.lines} lines, at most ${limits.function}`,
        ),
      ];
    });
}

/** File names that do not describe the content. */
export function emptyNames(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => path.split('/').some((part) => /^(?:utils?|helpers?|misc)(?:\.|$)/i.test(part)))
    .map(({ path }) => `${path}: the name has no meaning; use a noun of the domain`);
}

/** TODO comments, skipped tests and disabled checks (also in comments), and `any` in code. */
export function unfinishedCode(files: readonly SourceFile[]): string[] {
  const inText: readonly Sign[] = [
    [/\b(?:TO(?:DO)|FIX(?:ME)|XX(?:X))\b/, 'an open end'],
    [
      /\b(?:it|test|describe|suite)\s*\.\s*(?:skip|only|todo|fails)\b/,
      'a test that is skipped, focused or expected to fail',
    ],
    [/@ts-(?:ignore|nocheck)|@ts-expect-(?:error)|biome-(?:ignore)|eslint-(?:disable)/, 'a silenced check'],
  ];
  const inCode: readonly Sign[] = [[/\bas any\b|:\s*any\b|<any>/, 'any']];
  const seen = (path: string, text: string, signs: readonly Sign[]) =>
    lines(text).flatMap(([number, line]) =>
      signs.filter(([sign]) => sign.test(line)).map(([, what]) => `${path}:${number}: ${what}`),
    );
  return files
    .filter(({ path }) => path.endsWith('.ts') && !path.startsWith('test/architecture/'))
    .flatMap(({ path, text }) => [...seen(path, text, inText), ...seen(path, mask(text).code, inCode)]);
}

/**
 * Calls to a method of an `await using` resource that are returned without `await`: the resource is disposed of before
 * the call completes.
 */
export function unawaitedReturns(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => path.endsWith('.ts') && !path.startsWith('test/'))
    .flatMap(({ path, text }) => {
      const open: { readonly name: string; readonly indent: number }[] = [];
      return lines(mask(text).code).flatMap(([number, line]) => {
        const indent = line.search(/\S/);
        while (indent >= 0 && indent < (open.at(-1)?.indent ?? 0)) open.pop();
        const name = /^\s*await using (\w+) =/.exec(line)?.[1];
        if (name !== undefined) open.push({ name, indent });
        const returned = /^\s*return (?!await\b)(.*)/.exec(line)?.[1] ?? '';
        const early = open.find((each) => new RegExp(`\\b${each.name}\\.\\w+\\(`).test(returned));
        return early === undefined ? [] : [`${path}:${number}: ${early.name} ends before the returned call`];
      });
    });
}

type Sign = readonly [sign: RegExp, what: string];

/**
 * Host names of package and image registries. The kit names no registry, so it works with a mirror and without a
 * registry.
 */
export function registryHosts(files: readonly SourceFile[]): string[] {
  const host =
    /\bregistry\.[a-z0-9-]+\.(?:com|org|io|dev|net)\b|\bregistry-\d\.docker\b|\b(?:docker|ghcr|quay|gcr)\.io\b|\bproxy\.golang\.org\b/i;
  return files.flatMap(({ path, text }) =>
    lines(text)
      .filter(([, line]) => host.test(line))
      .map(([number, line]) => `${path}:${number}: names ${host.exec(line)?.[0]}`),
  );
}

/** Top-level entries that are not on the approved list. */
export function unlistedEntries(allowed: readonly string[], entries: readonly string[]): string[] {
  return entries
    .filter((entry) => !allowed.includes(entry))
    .map((entry) => `${entry}: not in the approved top level (docs/decisions/001-top-level.md)`);
}

export interface PackageManifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** Dependencies that are not approved, or not pinned to one version. */
export function unlistedDependencies(
  decided: Readonly<Record<string, string>>,
  manifest: PackageManifest,
): string[] {
  return Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).flatMap(
    ([name, version]) => [
      ...(name in decided ? [] : [`${name}: not an approved dependency`]),
      ...(/^(?:npm:[\w/@-]+@)?\d+\.\d+\.\d+$/.test(version)
        ? []
        : [`${name}: '${version}' is not one exact version`]),
    ],
  );
}

function isWithin(path: string, at: string): boolean {
  return at.endsWith('/') ? path.startsWith(at) : path === at;
}

function lines(text: string): [number, string][] {
  return text.split('\n').map((line, i) => [i + 1, line]);
}
