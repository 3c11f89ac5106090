import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadEnvironment } from '../../config/load.ts';
import { commandFor } from '../../scripts/options.ts';
import { temporaryStateDir } from '../infra/substrates/local/fixtures.ts';

it('hints contain the substrate and the YAML file in their commands', () => {
  const dev = loadEnvironment('dev');
  expect(commandFor('up', dev, 'local')).toBe('kit up --env dev');
  expect(commandFor('down', dev, 'docker')).toBe('kit down --env dev --substrate docker');
  const temporary = temporaryStateDir();
  const file = join(temporary.path, 'mine.yaml');
  writeFileSync(file, stringify({ ...dev, name: 'mine' }));
  const mine = loadEnvironment(file);
  expect(commandFor('recover', mine, 'docker')).toBe(`kit recover --env ${file} --substrate docker`);
  temporary[Symbol.dispose]();
});
