/**
 * Directives with several values, and statements that are not settings: `include`, `user`, `rename-command`,
 * `loadmodule`.
 */
import { since, valkeyOnly } from './availability.ts';
import { type Directive, directive, list, splitWords } from './directive.ts';
import * as lists from './lists.ts';
import { type Check, problem } from './value.ts';

const FLAGS = splitWords('default save nosave now force');
/** Flags that Valkey has had since 9.0. */
const NEWER_FLAGS = [...FLAGS, 'safe', 'failover'];

const BEFORE_NEWER_FLAGS = { redis: { from: '7.0' }, valkey: { from: '0', until: '9.0' } } as const;

const exactly =
  (count: number, allowed: string): Check =>
  (args) =>
    args.length === count ? undefined : problem(args.join(' '), allowed);

const atLeastOne =
  (allowed: string): Check =>
  (args) =>
    args.length > 0 ? undefined : problem('', allowed);

/** Statements are not settings: their words are not split again, and other modules check them. */
export const STATEMENTS: ReadonlyMap<string, Check> = new Map([
  ['include', exactly(1, 'one path, which may hold wildcards')],
  ['loadmodule', atLeastOne('the path of a module and its arguments')],
  ['rename-command', exactly(2, 'the name of a command and its new name, or ""')],
  ['user', atLeastOne('the name of a user and its rules')],
]);

export const LIST_DIRECTIVES: readonly Directive[] = [
  directive('bind', list(lists.bindAddresses)),
  directive('client-output-buffer-limit', list(lists.outputBufferLimits), { isRepeatable: true }),
  directive('oom-score-adj-values', list(lists.oomScoreValues)),
  directive('replicaof', list(lists.masterAddress), { formerly: 'slaveof' }),
  directive('save', list(lists.savePoints), { isRepeatable: true }),
  directive('latency-tracking-info-percentiles', list(lists.percentiles), { in: since('7.0') }),
  ...['shutdown-on-sigint', 'shutdown-on-sigterm'].flatMap((name) => [
    directive(name, list(lists.shutdownFlags(NEWER_FLAGS)), { in: valkeyOnly('9.0') }),
    directive(name, list(lists.shutdownFlags(FLAGS)), { in: BEFORE_NEWER_FLAGS }),
  ]),
  directive(
    'rdma-bind',
    list(() => undefined),
    { in: valkeyOnly('8.1') },
  ),
];
