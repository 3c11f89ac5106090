/**
 * An extension module outside the kit's source tree, used through the command: one short drill, judged by its own
 * checker and gates.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { CliHarness, type CommandResult } from '../support/cli-harness.ts';

const EXAMPLE = resolve('examples/extension');
const FLAGS = ['--module', join(EXAMPLE, 'module.ts'), '--gates', join(EXAMPLE, 'gates.yaml')];

let cli: CliHarness;
let drill: CommandResult;
beforeAll(async () => {
  cli = new CliHarness();
  drill = await cli.runKit('drill', 'key-loss', '--env', 'single', '--out', 'run', ...FLAGS);
});
afterAll(async () => cli[Symbol.asyncDispose]());

const criterionOf = (id: string) => cli.readReport('run').verdict.criteria.find((each) => each.id === id);

describe('an extension module', () => {
  it('adds a drill, a fault, a workload and a checker, and gates from a file judge the results', () => {
    cli.expectNoFailures(drill, 'run');
    expect(criterionOf('product-values')).toMatchObject({ state: 'PASS', measured: 0, n: 1 });
    expect(criterionOf('product-misses')).toMatchObject({ state: 'PASS', measured: 1 });
    expect(readFileSync(join(cli.path, 'run/trials/key-loss-1/events.jsonl'), 'utf8')).toMatch(
      /"fault":"delete-keys".*deleted 20 keys/,
    );
  });

  it('is named in the report with the digest of its file', () => {
    const [extension] = cli.readReport('run').run.extensions ?? [];
    expect(extension).toMatchObject({ name: 'shop', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(drill.out).toMatch(/extension: shop \(.*module\.ts, SHA-256/);
    expect(readFileSync(join(cli.path, 'run/report.md'), 'utf8')).toContain('extension shop');
  });

  it('adds a report, which kit verify renders again', async () => {
    const file = join(cli.path, 'run/report.shop.criteria.csv');
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/^id,state,measured,unit\n/);
    expect(text).toContain('\nproduct-values,PASS,0,');
    writeFileSync(file, text.replace('PASS', 'FAIL'));
    const changed = await cli.runKit('verify', 'run', '--module', join(EXAMPLE, 'module.ts'));
    writeFileSync(file, text);
    expect(changed.exitCode).toBe(EXIT.NO_GO);
    expect(changed.out).toContain('report.shop.criteria.csv differs from the recomputed report');
  });

  it('is needed to judge and to verify the run again', async () => {
    expect(await cli.runKit('verify', 'run', '--module', join(EXAMPLE, 'module.ts'))).toMatchObject({
      exitCode: EXIT.GO,
    });
    const without = await cli.runKit('verify', 'run');
    expect(without.exitCode).toBe(EXIT.NO_GO);
    expect(without.out).toMatch(/the extension 'shop' of the run .* was not passed: pass it with --module/);
    const analyzed = await cli.runKit('analyze', 'run');
    expect(analyzed.exitCode).toBe(EXIT.UNKNOWN);
    expect(analyzed.out.replace(/\s+/g, ' ')).toMatch(
      /NOT MEASURED product-values .* the checker 'product-values' is unknown: the extension 'shop'/,
    );
  });

  it('is rejected if it differs from the module that the run used', async () => {
    const other = join(cli.path, 'other.mjs');
    writeFileSync(other, "export default { name: 'shop', checkers: [] };\n");
    const { exitCode, out } = await cli.runKit('verify', 'run', '--module', other);
    expect(exitCode).toBe(EXIT.NO_GO);
    expect(out).toMatch(/differs from the module other\.mjs/);
  });

  it('can be listed in kit.yaml, and is rejected with its path if one of its names is already in use', async () => {
    copyFileSync(join(EXAMPLE, 'gates.yaml'), join(cli.path, 'gates.yaml'));
    cli.writeFile(
      'clash.mjs',
      "export default { name: 'clash', faults: [{ id: 'kill', inject: async () => ({ heal: async () => {} }) }] };\n",
    );
    cli.writeFile('kit.yaml', `modules: [${join(EXAMPLE, 'module.ts')}]\ngates: [gates.yaml]\n`);
    expect((await cli.runKit('drill', '--list')).out).toContain('key-loss: Keys disappear from Redis');
    const clash = await cli.runKit('drill', '--list', '--module', './clash.mjs');
    expect(clash.exitCode).toBe(EXIT.USAGE);
    expect(clash.err).toMatch(/the fault 'kill' already exists: it is part of the kit/);
    expect(clash.err).toContain('clash.mjs');
  });
});
