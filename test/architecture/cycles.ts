/**
 * Finds import cycles among files given as text. Type imports count: a type that both sides need belongs in a leaf
 * module.
 */
import { dirname, join, normalize } from 'node:path/posix';
import type { SourceFile } from './rules.ts';
import { importsOf } from './source.ts';

/**
 * Returns the cycles among the files of one folder (`''` for the entire tree). Each cycle names its files in
 * alphabetical order.
 */
export function importCycles(folder: string, files: readonly SourceFile[]): string[] {
  const sources = files.filter(({ path }) => path.startsWith(folder) && path.endsWith('.ts'));
  const known = new Set(sources.map(({ path }) => path));
  const imports = new Map(
    sources.map(({ path, text }) => [
      path,
      importsOf(text)
        .map(({ specifier }) => normalize(join(dirname(path), specifier)))
        .filter((target) => known.has(target)),
    ]),
  );
  return stronglyConnected(imports)
    .filter((files) => files.length > 1 || imports.get(files[0] as string)?.includes(files[0] as string))
    .map((files) => `import cycle: ${files.toSorted().join(', ')}`);
}

/** Tarjan's algorithm: sets of nodes that reach each other. */
function stronglyConnected(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (node: string): number => {
    const at = index.size;
    index.set(node, at);
    low.set(node, at);
    stack.push(node);
    for (const next of edges.get(node) ?? []) {
      if (!index.has(next)) low.set(node, Math.min(low.get(node) as number, visit(next)));
      else if (stack.includes(next))
        low.set(node, Math.min(low.get(node) as number, index.get(next) as number));
    }
    if (low.get(node) === at) found.push(stack.splice(stack.indexOf(node)));
    return low.get(node) as number;
  };
  for (const node of edges.keys()) if (!index.has(node)) visit(node);
  return found;
}
