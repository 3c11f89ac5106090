import { expect, it } from 'vitest';
import { importCycles } from './cycles.ts';

const file = (name: string, ...imports: string[]) => ({
  path: `client/${name}.ts`,
  text: imports.map((line) => `${line};`).join('\n'),
});

it('accepts files that import in one direction', () => {
  const files = [
    file('a', `import { b } from './b.ts'`, `import { c } from './c.ts'`),
    file('b', `import './c.ts'`),
  ];
  expect(importCycles('client/', [...files, file('c')])).toEqual([]);
});

it('reports an import cycle, type imports included', () => {
  const files = [
    file('a', `import { b } from './b.ts'`),
    file('b', `import type { C } from './c.ts'`),
    file('c', `export type { A } from './a.ts'`),
    file('d', `import { a } from './a.ts'`),
  ];
  expect(importCycles('client/', files)).toEqual(['import cycle: client/a.ts, client/b.ts, client/c.ts']);
});

it('reports a file that imports itself', () => {
  expect(importCycles('client/', [file('a', `import './a.ts'`)])).toEqual(['import cycle: client/a.ts']);
});

it('reports two independent cycles separately', () => {
  const files = [
    file('a', `import './b.ts'`),
    file('b', `import './a.ts'`, `import './c.ts'`),
    file('c', `import './d.ts'`),
    file('d', `import './c.ts'`),
  ];
  expect(importCycles('client/', files)).toHaveLength(2);
});
