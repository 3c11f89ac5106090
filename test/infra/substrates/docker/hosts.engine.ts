import { lostHost } from './lost-host.ts';

// Each query of a host that is lost over ssh takes about 10 s: `full/hosts.engine.ts`.
lostHost({ name: 'hosts', firstPort: 28_600, network: ['kithosts', '10.203.77'], lostOver: 'tls' });
