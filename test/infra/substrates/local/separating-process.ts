/**
 * A program that separates two addresses and then waits: `node separating-process.ts <address> <other> <log>`. Prints
 * its process id once the rules are in effect.
 */
import { separate } from '../../../../infra/substrates/local/packet-filter.ts';

const [address = '', other = '', logPath = ''] = process.argv.slice(2);
setInterval(() => {}, 60_000);
await separate({ group: [address], others: [other], clientsStillReach: true, logPath });
process.stdout.write(`${process.pid}\n`);
