import { fullOnlyIntegration } from './families.ts';

export const backupRestore = fullOnlyIntegration({
  id: 'backup-restore',
  title: 'A backup under writes, then a restore over changed data',
  source: 'drills: backup-restore; bitnami/charts#25469; mission A8',
  safeOutcome:
    'the restored keys equal the archive, with every durable write acknowledged before the backup; no node changes its role',
  topologies: ['sentinel', 'cluster'],
  checkers: ['expectations', 'liveness', 'consistency'],
  expectations: [
    ...['source', 'writes', 'digest'].map((what) => `backup/${what}`),
    'changed/all',
    ...['keys', 'different', 'kept', 'digest', 'planted', 'types', 'added', 'roles'].map(
      (what) => `restored/${what}`,
    ),
    ...['durable', 'durable-seen'].map((what) => `restored/${what}`),
  ],
});
