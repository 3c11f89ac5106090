import { describe, expect, it } from 'vitest';
import * as rules from './rules.ts';
import { functionsOf, importsOf } from './source.ts';

const ROOMS: readonly rules.Room[] = [
  { at: 'config/', because: 'parses once', imports: [], libraries: ['zod'], node: 'any' },
  { at: 'pure/', because: 'pure', imports: ['config/errors.ts'], types: ['config/'], node: [] },
  { at: 'pure/hash.ts', because: 'hashes', imports: [], node: ['node:crypto'] },
];
const file = (path: string, text = ''): rules.SourceFile => ({ path, text });
const TREE = [file('config/errors.ts'), file('config/schema.ts'), file('pure/a.ts'), file('pure/hash.ts')];
const withLine = (path: string, text: string) =>
  rules.brokenImports(ROOMS, [...TREE.filter((f) => f.path !== path), file(path, text)]);

describe('importsOf', () => {
  it('finds every form of import and its line', () => {
    const source = [
      `import a from 'a';`,
      `import type { B } from "b";`,
      `import { type C, type D } from 'c';`,
      `import { type E, f } from 'd';`,
      `export * from './e.ts';`,
      `export type { G } from './g.ts';`,
      `import 'side-effect';`,
      `const lazy = await import('./lazy.ts');`,
      `new Worker(new URL('./worker.ts', import.meta.url));`,
      `import {`,
      `  many,`,
      `} from 'many';`,
      `await import(name);`,
    ].join('\n');
    expect(importsOf(source)).toEqual([
      { specifier: 'a', typeOnly: false, line: 1 },
      { specifier: 'b', typeOnly: true, line: 2 },
      { specifier: 'c', typeOnly: true, line: 3 },
      { specifier: 'd', typeOnly: false, line: 4 },
      { specifier: './e.ts', typeOnly: false, line: 5 },
      { specifier: './g.ts', typeOnly: true, line: 6 },
      { specifier: 'side-effect', typeOnly: false, line: 7 },
      { specifier: './lazy.ts', typeOnly: false, line: 8 },
      { specifier: './worker.ts', typeOnly: false, line: 9 },
      { specifier: 'many', typeOnly: false, line: 12 },
      { specifier: '<computed>', typeOnly: false, line: 13 },
    ]);
  });

  it('ignores comments, strings, templates and regular expressions', () => {
    const source = [
      `// import a from 'a';`,
      `/* import b from 'b'; */`,
      `const text = "import c from 'c'";`,
      'const page = `import d from "d" #{`#{1}`} import e from "e"`;'.replaceAll('#', '$'),
      `const quote = /['"\`]/; import real from 'real';`,
    ].join('\n');
    expect(importsOf(source)).toEqual([{ specifier: 'real', typeOnly: false, line: 5 }]);
  });
});

describe('the dependency rule', () => {
  it('accepts a tree that follows the rules', () => {
    expect(
      withLine('pure/a.ts', `import { KitError } from '../config/errors.ts';\nimport { b } from './b.ts';`),
    ).toEqual([]);
    expect(withLine('pure/a.ts', `import type { Env } from '../config/schema.ts';`)).toEqual([]);
    expect(withLine('pure/hash.ts', `import { createHash } from 'node:crypto';`)).toEqual([]);
  });

  it('reports a folder that must not be imported', () => {
    expect(withLine('config/schema.ts', `import { a } from '../pure/a.ts';`)).toEqual([
      `config/schema.ts:1: '../pure/a.ts' must not be imported by config/ (parses once)`,
    ]);
  });

  it('reports a value import from a folder that allows only types', () => {
    expect(withLine('pure/a.ts', `import { schema } from '../config/schema.ts';`)).toHaveLength(1);
  });

  it('reports a library, a node module and a computed import', () => {
    expect(withLine('pure/a.ts', `import { z } from 'zod/mini';`)).toHaveLength(1);
    expect(withLine('pure/a.ts', `import { readFileSync } from 'node:fs';`)).toHaveLength(1);
    expect(withLine('pure/hash.ts', `import { readFileSync } from 'node:fs';`)).toHaveLength(1);
    expect(withLine('pure/a.ts', `await import(name);`)).toHaveLength(1);
  });

  it('reports a file that no row covers, and a row without files', () => {
    expect(rules.brokenImports(ROOMS, [...TREE, file('attic/a.ts')])).toEqual([
      'attic/a.ts: in no row of the table',
    ]);
    expect(
      rules.brokenImports(
        ROOMS,
        TREE.filter(({ path }) => path !== 'pure/hash.ts'),
      ),
    ).toEqual(['pure/hash.ts: a row of the table that owns no file']);
  });
});

describe('the other rules', () => {
  it('report an undeclared reader of environment variables', () => {
    const read = file('infra/a.ts', `\nconst home = process.env.HOME;`);
    expect(rules.undeclaredVariableReads(['config/env.ts'], [read])).toEqual([
      'infra/a.ts:2: reads process.env; only config/env.ts may',
    ]);
    expect(rules.undeclaredVariableReads(['infra/a.ts'], [read])).toEqual([]);
    expect(
      rules.undeclaredVariableReads([], [file('infra/a.ts', '// process.env is not read here')]),
    ).toEqual([]);
  });

  it('report files and functions that are too long, for every form of function', () => {
    const body = '\n'.repeat(5);
    const forms = [
      `function a(x: number): Promise<void> {${body}}`,
      `const a = async (x: string) => {${body}};`,
      `class A {\n  method({ a, b }: Options): readonly string[] {${body}}\n}`,
    ];
    for (const form of forms) {
      expect(rules.overlongCode([file('infra/a.ts', form)], { file: 400, function: 5 }), form).toHaveLength(
        1,
      );
      expect(rules.overlongCode([file('infra/a.ts', form)], { file: 400, function: 6 }), form).toEqual([]);
    }
    expect(functionsOf(`if (a) {${body}}\nfor (const a of b) {${body}}\nclass A {${body}}`)).toEqual([]);
    expect(rules.overlongCode([file('infra/a.ts', 'a;\n'.repeat(11))], { file: 10, function: 60 })).toEqual([
      'infra/a.ts: 11 lines, at most 10',
    ]);
  });

  it('report file names that do not describe the content', () => {
    expect(
      rules.emptyNames([file('infra/utils.ts'), file('infra/util/a.ts'), file('infra/redis/conf/acl.ts')]),
    ).toHaveLength(2);
  });

  it('report TODO comments, skipped tests and silenced checks', () => {
    for (const line of [
      '// TODO later',
      'it.skip(',
      'describe . only(',
      '// @ts-ignore',
      'x as any',
      '// biome-ignore lint',
    ]) {
      expect(rules.unfinishedCode([file('infra/a.ts', line)]), line).toHaveLength(1);
    }
    expect(rules.unfinishedCode([file('infra/a.ts', 'const many = anything.skipped;')])).toEqual([]);
  });

  it('report a returned call to a resource that is disposed of before the call completes', () => {
    const body = (line: string) =>
      `async function f() {\n  await using plan = open();\n  ${line}\n}\nreturn plan.run();`;
    expect(
      rules.unawaitedReturns([file('infra/a.ts', body('return isNew ? plan.make() : plan.run();'))]),
    ).toEqual(['infra/a.ts:3: plan ends before the returned call']);
    for (const line of ['return await plan.run();', 'return plan.name;', 'await plan.run();'])
      expect(rules.unawaitedReturns([file('infra/a.ts', body(line))]), line).toEqual([]);
  });

  it('report registry hosts', () => {
    const host = ['registry', 'example', 'org'].join('.');
    expect(rules.registryHosts([file('README.md', `see ${host}`)])).toEqual([`README.md:1: names ${host}`]);
  });

  it('report unlisted entries and dependencies', () => {
    expect(rules.unlistedEntries(['infra'], ['infra', 'lib'])).toHaveLength(1);
    expect(rules.unlistedDependencies({ zod: 'schema' }, { dependencies: { zod: '4.0.0' } })).toEqual([]);
    expect(
      rules.unlistedDependencies(
        { zod: 'schema' },
        { dependencies: { zod: '^4.0.0' }, devDependencies: { left: '1.0.0' } },
      ),
    ).toHaveLength(2);
  });
});
