import { authorityChange } from '../authority-change.ts';

authorityChange('authority-removal', 30_100, { isPreviousRemoved: true });
