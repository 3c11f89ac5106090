/**
 * Wrong commands, permissions and rendered files, and harmful values, in the form of `planted-deviations.ts`.
 */
import { configReply, type Deviation, user } from './planted-deviations.ts';

export const RED_PERMISSIONS: readonly Deviation[] = [
  [
    'drift',
    { node: 'redis-2', name: 'absent-commands', data: { names: 'unlink' } },
    /redis-2: command unlink is 'absent'/,
    /redis-2: it has no command UNLINK.*rename-command UNLINK/,
  ],
  [
    'drift',
    { node: 'sentinel-3', name: 'absent-commands', data: { names: 'client sentinel' } },
    /sentinel-3: command client is 'absent'/,
    /sentinel-3: it has no command SENTINEL/,
  ],
  [
    'available-commands',
    { node: 'redis-2', name: 'absent-commands', data: { names: 'unlink' } },
    /redis-2: command unlink is 'absent'.*took it away from app/,
    /redis-2: it has no command UNLINK.*redis\.extra/,
  ],
  [
    'available-commands',
    { node: 'redis-1', name: 'absent-commands', data: { names: 'slowlog' } },
    /redis-1: command slowlog.*from exporter/,
    /SLOWLOG/,
  ],
  [
    'available-commands',
    { node: 'sentinel-1', name: 'absent-commands', data: { names: 'acl' } },
    /sentinel-1: command acl.*from the kit/,
    /sentinel\.conf/,
  ],
  [
    'data-access',
    user('mallory', 'on #digest:1 ~* -@all +@read +@write'),
    /redis-2: user mallory is 'present'.*not one of the users/,
    /ACL DELUSER mallory/,
  ],
  [
    'data-access',
    user('exporter', 'on #digest:1 ~* -@all +info +dbsize +get'),
    /redis-2: user exporter is 'reaches the keys ~\*, the commands get'/,
    /ACL SETUSER exporter resetkeys -get/,
  ],
  [
    'data-access',
    user('app', 'on #digest:1 ~* &* -@all +get'),
    /user app is 'reaches the channels &\*'/,
    /ACL SETUSER app resetchannels &cache:\* &__redis__:invalidate/,
  ],
  [
    'data-access',
    user('sentinel', 'on #digest:1 &__sentinel__:hello -@all +ping (%R~* -@all +@read)'),
    /user sentinel is 'reaches the keys %R~\*, the commands dbsize, get, keys, mget and 1 more'/,
    /resetkeys/,
  ],
  [
    'data-access',
    user('peer', 'on #digest:1 &* -@all +ping', 'sentinel-2'),
    /sentinel-2: user peer is 'reaches the channels &\*'/,
    /resetchannels &__sentinel__:hello/,
  ],
  [
    'exposure',
    { node: 'sentinel-2', name: 'kept', data: { bind: '0.0.0.0' } },
    /sentinel-2: bind is '0\.0\.0\.0'.*every address of the machine/,
    /bind is '0\.0\.0\.0', rendered '127\.1\.1\.12': restart it/,
  ],
  [
    'exposure',
    { node: 'sentinel-2', name: 'kept', data: { 'protected-mode': null } },
    /sentinel-2: protected-mode is 'no'/,
    /protected-mode is 'no', rendered 'yes'/,
  ],
  [
    'exposure',
    { node: 'sentinel-1', name: 'kept', data: { 'sentinel deny-scripts-reconfig': 'no' } },
    /sentinel deny-scripts-reconfig is 'no'/,
    /sentinel deny-scripts-reconfig is 'no', rendered 'yes'/,
  ],
  [
    'exposure',
    {
      node: 'sentinel-3',
      name: 'kept',
      data: { 'sentinel client-reconfig-script': 'mymaster /opt/x.sh' },
    },
    /sentinel client-reconfig-script is 'mymaster \/opt\/x\.sh'.*must be absent/,
    /rendered '': restart it with its rendered file/,
  ],
  [
    'watchdog',
    { node: 'watchdog', name: 'watchdog', data: { state: 'paused' } },
    /watchdog: its state is 'paused' at the start/,
    /suspended or hung \(process 1\)/,
  ],
  [
    'watchdog',
    { node: 'watchdog', name: 'watchdog', data: { state: 'stopped', pid: null }, when: 'end' },
    /watchdog: its state is 'stopped' at the end/,
    /run kit up/,
  ],
  [
    'watchdog',
    { node: 'watchdog', name: 'watchdog', data: { state: 'stopped', isRepaired: 'true' }, when: 'start' },
    /watchdog: its state is 'stopped' at the start/,
    /it was 'stopped' before the run/,
  ],
  [
    'safe-directives',
    configReply({ maxclients: '50' }),
    /redis-2: maxclients is '50'.*must be at least 1000, rendered '10500'/,
    /maxclients is '50', rendered '10500': CONFIG SET maxclients "10500"/,
  ],
  [
    'safe-directives',
    { node: 'sentinel-2', name: 'kept', data: { timeout: '5' } },
    /sentinel-2: timeout is '5'/,
    /timeout is '5', rendered '0'.*restart it/,
  ],
  [
    'safe-directives',
    {
      node: 'sentinel-3',
      name: 'kept',
      data: { 'sentinel rename-command': 'mymaster SLAVEOF x' },
    },
    /sentinel-3: sentinel rename-command is 'x'/,
    /SENTINEL SET or SENTINEL CONFIG SET rename-command/,
  ],
  [
    'safe-directives',
    { node: 'sentinel-1', name: 'sentinel-config', data: { 'resolve-hostnames': 'yes' } },
    /sentinel resolve-hostnames is 'yes'/,
    /SENTINEL CONFIG SET resolve-hostnames/,
  ],
  [
    'drift',
    { node: 'sentinel-2', name: 'kept', data: { 'sentinel rename-command': 'mymaster SLAVEOF x' } },
    /sentinel-2: sentinel rename-command is 'mymaster SLAVEOF x'/,
    /rendered '': correct it with SENTINEL SET/,
  ],
  [
    'drift',
    {
      node: 'sentinel-3',
      name: 'kept',
      data: { 'sentinel master-reboot-down-after-period': 'mymaster 600000' },
    },
    /sentinel-3: sentinel master-reboot-down-after-period is 'mymaster 600000'/,
    /SENTINEL SET/,
  ],
  [
    'drift',
    { node: 'sentinel-1', name: 'kept', data: { 'sentinel auth-pass': 'mymaster digest:other' } },
    /sentinel-1: sentinel auth-pass is 'mymaster digest:other'/,
    /rendered 'mymaster digest:sentinel'/,
  ],
];
