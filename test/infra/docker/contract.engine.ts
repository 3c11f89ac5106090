import { afterAll } from 'vitest';
import { dockerSubstrate } from '../../../infra/docker/substrate.ts';
import { substrateContract } from '../../contracts/substrate.contract.ts';
import { configuration, engineStateDir } from './bench.ts';

const state = engineStateDir();
afterAll(() => state[Symbol.dispose]());

substrateContract('Docker containers', () => ({
  substrate: dockerSubstrate({ stateDir: state.path }),
  configuration: configuration('contract'),
}));
