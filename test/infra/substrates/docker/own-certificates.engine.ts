import { authorityChange } from './authority-change.ts';

// `full/own-certificates.engine.ts` also removes the previous authority, as do the tests with local processes.
authorityChange('own-certificates', 28_700, { isPreviousRemoved: false });
