/**
 * Finds uses of ioredis members that the client must not use, because the range `^6` makes no promise about them. The
 * declarations of the installed ioredis list them: `private` members, and members marked `@ignore`, which its
 * documentation omits.
 */
import type { SourceFile } from './rules.ts';
import { mask } from './source.ts';

/** Allowed uses of a hidden name, each with its reason. */
const ALLOWED: Readonly<Record<string, string>> = {
  'client/extras/telemetry.ts: setStatus': 'a method of a span, not of ioredis',
  'client/transport/unsupervised.ts: stream':
    'declared as public; the address of the master that the Sentinel connector found',
};
/** Fields of prototypes and modules that are missing from the declarations. */
const UNDECLARED = ['prevCommandQueue', 'prevCondition', 'dataHandler'];
/** Code that could access a hidden member without writing its name after a dot, so the name check does not find it. */
const HIDDEN: readonly RegExp[] = [/\bas unknown as\b/, /\bReflect\s*\./, /\bredis\s*(?:\?\.)?\[/];

/** Names of the hidden members in the text of `ioredis/built/Redis.d.ts`. */
export function hiddenMembers(declarations: string): readonly string[] {
  const member = String.raw`(?:get )?(\w+)\s*[:;(<?]`;
  const ofPrivate = declarations.matchAll(new RegExp(String.raw`^\s*private (?:static )?${member}`, 'gm'));
  const ignored = declarations.matchAll(new RegExp(String.raw`@ignore\s*\*/\s*${member}`, 'g'));
  return [...new Set([...[...ofPrivate, ...ignored].map(([, name]) => String(name)), ...UNDECLARED])];
}

/** Uses of hidden members in the client files. */
export function hiddenMemberUses(declarations: string, files: readonly SourceFile[]): string[] {
  const names = hiddenMembers(declarations);
  const use = new RegExp(String.raw`\.\s*(${names.join('|')})\b`);
  return files
    .filter(({ path }) => /^client\/.*\.ts$/.test(path))
    .flatMap(({ path, text }) => {
      const { code } = mask(text);
      const isUser = /\bfrom 'ioredis'|\bredis\b/.test(text);
      return code.split('\n').flatMap((line, i) => {
        const name = use.exec(line)?.[1];
        const found = [
          ...(name !== undefined && !(`${path}: ${name}` in ALLOWED) ? [`'${name}'`] : []),
          ...(isUser && HIDDEN.some((sign) => sign.test(line)) ? ['a cast or an index'] : []),
        ];
        return found.map((what) => `${path}:${i + 1}: ${what}: no public member of ioredis`);
      });
    });
}
