import { integrationDrill } from './families.ts';

export const security = integrationDrill({
  id: 'security',
  title: 'Access requires a password; the application has no destructive commands',
  source: 'requirements document 004 §3, security; document 002, renamed commands',
  safeOutcome:
    'access requires the correct password, dangerous commands are denied to the app, and no command line contains a secret',
  expectations: [
    ...['no-password', 'wrong-password'].map((what) => `{node}-${what}`),
    ...['FLUSHALL', 'FLUSHDB', 'EVAL', 'CONFIG', 'KEYS', 'DEBUG', 'SHUTDOWN', 'ACL'].map(
      (command) => `{redis}-${command}`,
    ),
    // The command lines of containers belong to another system.
    'local?{node}-command-line',
  ],
});
