import { afterAll } from 'vitest';
import { dockerSubstrate } from '../../../infra/docker/substrate.ts';
import { substrateContract } from '../../contracts/substrate.contract.ts';
import { configuration, describeOnEngine, engineStateDir } from './bench.ts';

const state = engineStateDir();
afterAll(() => state[Symbol.dispose]());

describeOnEngine('Docker', () => {
  substrateContract('Docker containers', () => ({
    substrate: dockerSubstrate({ stateDir: state.path }),
    configuration: configuration('contract'),
  }));
});
