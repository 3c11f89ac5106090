import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runProgram } from '../../../../infra/host/process.ts';
import {
  cdktfCall,
  isActing,
  namesIn,
  parseCall,
  requireNamed,
} from '../../../../infra/substrates/docker/cdktf-call.ts';
import { temporaryStateDir } from '../local/fixtures.ts';

const temporary = temporaryStateDir();
afterAll(() => temporary[Symbol.dispose]());

const NAMES = ['dev', 'staging', 'production'];
const namesOf = (line: string) => namesIn(parseCall(line.split(' ')), NAMES);

describe('the cdktf command line', () => {
  it.each([
    ['node /x/node_modules/.bin/cdktf deploy dev', ['dev']],
    ['npm exec cdktf deploy --auto-approve dev staging', ['dev', 'staging']],
    ['node /x/cdktf-cli/bundle/bin/cdktf.js destroy -o out dev', ['dev']],
    ['cdktf deploy', undefined],
    ['cdktf deploy d*', ['dev']],
    ['cdktf deploy dev p*', ['dev', 'production']],
    ['cdktf deploy {dev,staging}', ['dev', 'staging']],
    ['cdktf deploy !dev', undefined],
    ['cdktf deploy x*', undefined],
    ['cdktf deploy mine', undefined],
    ['node app.ts deploy dev', undefined],
  ])('of %s selects %j', (line, expected) => {
    expect(namesOf(line)).toEqual(expected);
  });

  it.each(['cdktf deploy mine --auto-approve', 'cdktf deploy', 'cdktf destroy x*', 'cdktf diff -o out'])(
    'is rejected if it names no environment, because it would create passwords for all: %s',
    (line) => {
      expect(() => requireNamed(parseCall(line.split(' ')), NAMES)).toThrow(
        expect.objectContaining({
          code: 'STACK_UNKNOWN',
          message: expect.stringContaining(line.replace(/ -\S+/g, '')),
          hint: expect.stringContaining('dev, staging, production; for your own YAML file: KIT_STACKS='),
        }),
      );
    },
  );

  it.each(['cdktf deploy dev', 'cdktf deploy d*', 'cdktf deploy !dev', 'cdktf list', 'cdktf synth'])(
    'is accepted: %s',
    (line) => {
      expect(() => requireNamed(parseCall(line.split(' ')), NAMES)).not.toThrow();
    },
  );

  it.each([
    ['deploy', true],
    ['destroy', true],
    ['diff', true],
    ['synth', false],
    ['list', false],
    ['output', false],
  ])('with the verb %s acts on an environment: %s', (verb, expected) => {
    expect(isActing(parseCall(['cdktf', verb, 'dev']))).toBe(expected);
  });

  it('is found among the parents of this process, through shells', async () => {
    const script = join(temporary.path, 'cdktf');
    const module = join(import.meta.dirname, '../../../../infra/substrates/docker/cdktf-call.ts');
    const code = `console.log(JSON.stringify(await (await import('${module}')).cdktfCall()))`;
    const app = `"${process.execPath}" --input-type=module -e "${code}"`;
    writeFileSync(script, `#!/bin/sh\n/bin/sh -c '${app.replaceAll("'", `'\\''`)}; true'\n`);
    chmodSync(script, 0o755);
    const record = await runProgram({ command: script, args: ['deploy', 'dev', '--auto-approve'] });
    expect(JSON.parse(record.stdout)).toEqual({ verb: 'deploy', words: ['dev'] });
  });

  it('is undefined if no parent is cdktf', async () => {
    expect(await cdktfCall()).toBeUndefined();
  });
});
