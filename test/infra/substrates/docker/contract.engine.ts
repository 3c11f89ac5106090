import { afterAll } from 'vitest';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import { substrateContract } from '../../../contracts/substrate.contract.ts';
import { configuration, describeOnEngine, engineStateDir } from './fixtures.ts';

const state = engineStateDir();
afterAll(() => state[Symbol.dispose]());

describeOnEngine('Docker', () => {
  substrateContract('Docker containers', () => ({
    substrate: dockerSubstrate({ stateDir: state.path }),
    configuration: configuration('contract'),
  }));
});
