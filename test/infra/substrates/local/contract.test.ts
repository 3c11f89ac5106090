import { afterAll } from 'vitest';
import { localSubstrate } from '../../../../infra/substrates/local/substrate.ts';
import { substrateContract } from '../../../contracts/substrate.contract.ts';
import { configuration, temporaryStateDir } from './fixtures.ts';

const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());

substrateContract('plain local processes', () => ({
  substrate: localSubstrate({ stateDir: state.path }),
  configuration: configuration('contract'),
}));

substrateContract('plain local processes on 127.0.0.1 with TLS', () => {
  const plain = configuration('contract-tls');
  return {
    substrate: localSubstrate({ stateDir: state.path, addressing: 'port-per-node' }),
    configuration: { ...plain, security: { tls: true } },
  };
});
