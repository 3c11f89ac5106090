import { lostHost } from '../lost-host.ts';

lostHost({ name: 'sshhosts', firstPort: 30_200, network: ['kitlostssh', '10.203.80'], lostOver: 'ssh' });
