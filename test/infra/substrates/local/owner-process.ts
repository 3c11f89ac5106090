/**
 * A program that owns an ephemeral environment and then hangs or throws, depending on its arguments:
 * `node owner-process.ts <stateDir> <name> hang|throw|hang-while-starting`. Prints `up` once the environment is
 * healthy.
 */
import { localSubstrate } from '../../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { configuration } from './fixtures.ts';

const [stateDir = '', name = '', then = 'hang'] = process.argv.slice(2);
const keepAlive = setInterval(() => {}, 60_000);
const environment = await localSubstrate({ stateDir }).apply(planTopology(configuration(name)), {
  ephemeral: then !== 'hang-while-starting',
  progress: (line) => {
    if (then === 'hang-while-starting' && line.startsWith('starting sentinel'))
      process.stdout.write('half\n');
  },
});
process.stdout.write('up\n');
if (then === 'throw') {
  clearInterval(keepAlive);
  throw new Error(`planted, with ${environment.name} up`);
}
