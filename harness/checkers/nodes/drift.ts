/**
 * Compares running nodes with their rendered files: every directive, every Sentinel setting, every user. A directive
 * that the file does not name must have the server's default; a directive without an entry in the table of defaults
 * must be the same on all nodes.
 */
import {
  canonicalValue,
  defaultValue,
  STATE_DIRECTIVES,
} from '../../../infra/redis/conf/directive-values.ts';
import { pingPeriodOf } from '../../../infra/topology.ts';
import { compareUsers, parseUser } from './acl.ts';
import { mergeFindings } from './directive.ts';
import { absentCommandsOf, type Fields, familyOf, type NodeView } from './facts.ts';
import { type Judged, nodeRule, type RuleContext, type Wrong } from './finding.ts';
import { renderedOption, watchedMaster } from './sentinel.ts';

export const drift = nodeRule({
  id: 'drift',
  proves: 'every node runs the rendered configuration: directives, sentinel settings, users',
  of: 'all',
  judge: (view, about) =>
    mergeFindings([
      view.id.startsWith('redis') ? judgeDirectives(view, about) : judgeSentinelSettings(view, about),
      judgeUsers(view, about),
      judgeRenamedCommands(view, about),
      judgeKeptFile(view, about),
    ]),
});

function describeDifference(
  view: NodeView,
  what: string,
  live: string,
  rendered: string,
  remedy: string,
): Wrong {
  return {
    node: view.id,
    what,
    live,
    wanted: 'as rendered',
    rendered,
    reason: 'the node does not run the rendered configuration',
    remedy,
  };
}

function judgeDirectives(view: NodeView, about: RuleContext): Judged {
  const files = about.facts.rendered.get(view.id)?.directives;
  const { config } = view;
  if (config === undefined || files === undefined) return { wrong: [], checked: 0, missing: 'CONFIG GET' };
  const unreported = [...files.keys()].filter(
    (name) => !config.has(name) && !STATE_DIRECTIVES.has(name) && !UNREPORTED.has(name),
  );
  const wrong: Wrong[] = [];
  let checked = 0;
  for (const [name, live] of config) {
    if (STATE_DIRECTIVES.has(name)) continue;
    const rendered = renderedOf(view, about, files, name);
    if (rendered === undefined) continue;
    checked += 1;
    if (live === rendered) continue;
    const remedy = `${name} is '${live}', rendered '${rendered}': CONFIG SET ${name} "${rendered}", or restart it with its rendered file.`;
    wrong.push(describeDifference(view, name, live, rendered, remedy));
  }
  return {
    wrong,
    checked,
    ...(unreported.length > 0 && { missing: `CONFIG GET ${unreported.slice(0, 3).join(' ')}` }),
  };
}

/** Directives that a file can contain but CONFIG GET does not report. */
const UNREPORTED: ReadonlySet<string> = new Set(['include', 'loadmodule', 'rename-command', 'user']);

function renderedOf(view: NodeView, about: RuleContext, files: Fields, name: string): string | undefined {
  const written = files.get(name);
  if (written !== undefined) return canonicalValue(name, written);
  return defaultValue(name, familyOf(view)) ?? sharedValue(about, name);
}

/**
 * Returns the most frequent value, across all nodes and probes, of a directive that is not in the table of defaults.
 */
function sharedValue({ facts }: RuleContext, name: string): string | undefined {
  const counts = new Map<string, number>();
  for (const { nodes } of facts.probes) {
    for (const { config } of nodes.values()) {
      const value = config?.get(name);
      if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  }
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}

/** Per-master options that can be changed with SENTINEL SET and are reported by SENTINEL MASTERS. */
const OPTIONS = ['quorum', 'down-after-milliseconds', 'failover-timeout', 'parallel-syncs'] as const;
/** Options that a sentinel reports only if they are set; the kit renders none of them. */
const SCRIPTS = ['notification-script', 'client-reconfig-script'] as const;

function judgeSentinelSettings(view: NodeView, about: RuleContext): Judged {
  const files = about.facts.rendered.get(view.id)?.directives;
  const { masters, sentinelConfig } = view;
  if (files === undefined || masters === undefined || sentinelConfig === undefined) {
    return { wrong: [], checked: 0, missing: 'SENTINEL MASTERS and SENTINEL CONFIG GET' };
  }
  const service = about.environment.topology.serviceName;
  const master = watchedMaster(view, about);
  const strangers = masters.map((each) => each.get('name') ?? '').filter((name) => name !== service);
  const compared: (readonly [what: string, live: string, rendered: string, remedy: string])[] = [
    ...OPTIONS.map((option) => {
      const rendered = renderedOption(view, about, option) ?? '';
      return [
        option,
        master?.get(option) ?? 'absent',
        rendered,
        `SENTINEL SET ${service} ${option} ${rendered}`,
      ] as const;
    }),
    ...SCRIPTS.map((option) => {
      const rendered = renderedOption(view, about, option) ?? '';
      return [
        option,
        master?.get(option) ?? '',
        rendered,
        `SENTINEL SET ${service} ${option} "${rendered}"`,
      ] as const;
    }),
    ...[...sentinelConfig].map(([name, live]) => {
      const rendered = files.get(`sentinel ${name}`) ?? files.get(name) ?? SENTINEL_DEFAULTS[name] ?? '';
      return [`sentinel ${name}`, live, rendered, `SENTINEL CONFIG SET ${name} "${rendered}"`] as const;
    }),
    ...[...(view.sentinelPeriods ?? [])].map(([name, live]) => {
      const period = name.toLowerCase();
      const set = period === 'ping-period' ? pingPeriodOf(about.environment)?.toString() : undefined;
      const expected = set ?? SENTINEL_PERIODS[period] ?? live;
      return [period, live, expected, `SENTINEL DEBUG ${name} ${expected}`] as const;
    }),
    [
      'sentinel monitor',
      ['', ...strangers].join(' ').trim() || service,
      service,
      `SENTINEL REMOVE ${strangers.join(' ')}`,
    ],
  ];
  const wrong = compared
    .filter(([, live, rendered]) => live !== rendered)
    .map(([what, live, rendered, remedy]) =>
      describeDifference(
        view,
        what,
        live,
        rendered,
        `${what} is '${live}', rendered '${rendered}': ${remedy}.`,
      ),
    );
  return { wrong, checked: compared.length };
}

/**
 * Settings that SENTINEL SET changes, but no command reports, with their default values. `safe-directives` and
 * `exposure` judge them by themselves.
 */
const KEPT: Readonly<Record<string, string>> = {
  'sentinel rename-command': '',
  'sentinel master-reboot-down-after-period': '',
  'sentinel primary-reboot-down-after-period': '',
  'sentinel deny-scripts-reconfig': 'yes',
  'sentinel auth-user': '',
  'sentinel auth-pass': '',
};

/** Compares the file that a sentinel keeps with the rendered one. */
function judgeKeptFile(view: NodeView, about: RuleContext): Judged {
  const files = about.facts.rendered.get(view.id)?.directives;
  const { kept } = view;
  // Read only at the start and at the end; without it, `safe-directives` is not measured.
  if (kept === undefined || files === undefined) return { wrong: [], checked: 0 };
  const wrong = Object.entries(KEPT).flatMap(([name, byDefault]) => {
    // A period of 0 is the default.
    const [live, rendered] = [kept, files].map((each) =>
      (each.get(name) ?? byDefault).replace(/^\S+ 0$/, ''),
    );
    if (live === rendered) return [];
    const remedy = `${name} is '${live}', rendered '${rendered}': correct it with SENTINEL SET, or restart it with its rendered file.`;
    return [describeDifference(view, name, live ?? '', rendered ?? '', remedy)];
  });
  return { wrong, checked: Object.keys(KEPT).length };
}

/**
 * Periods that are compiled into Sentinel. They are the same from Redis 7.0 to 8.2 and in Valkey 9.1. SENTINEL DEBUG
 * changes them in a running sentinel.
 */
const SENTINEL_PERIODS: Readonly<Record<string, string>> = {
  'info-period': '10000',
  'ping-period': '1000',
  'ask-period': '1000',
  'publish-period': '2000',
  'default-down-after': '30000',
  'default-failover-timeout': '180000',
  'tilt-trigger': '2000',
  'tilt-period': '30000',
  'slave-reconf-timeout': '10000',
  'min-link-reconnect-period': '15000',
  'election-timeout': '10000',
  'script-max-runtime': '60000',
  'script-retry-delay': '30000',
};

const SENTINEL_DEFAULTS: Readonly<Record<string, string>> = {
  'resolve-hostnames': 'no',
  'announce-hostnames': 'no',
  'announce-port': '0',
  loglevel: 'notice',
};

function judgeUsers(view: NodeView, about: RuleContext): Judged {
  const rendered = about.facts.rendered.get(view.id)?.users;
  const classes = view.classes ?? classesOf(view, about);
  if (view.users === undefined || rendered === undefined)
    return { wrong: [], checked: 0, missing: 'ACL LIST' };
  if (classes === undefined) return { wrong: [], checked: 0, missing: 'ACL CAT' };
  const names = new Set([...view.users.keys(), ...rendered.keys()]);
  const wrong = [...names].flatMap((name): Wrong[] => {
    const live = view.users?.get(name);
    const written = rendered.get(name);
    if (live === undefined || written === undefined) {
      const [is, was] = live === undefined ? ['absent', 'present'] : ['present', 'absent'];
      const remedy = `user ${name} is ${is}, rendered ${was}: run ACL LOAD, which reads the users from the file again.`;
      return [describeDifference(view, `user ${name}`, is, was, remedy)];
    }
    const found = compareUsers(parseUser(live), parseUser(written), classes);
    if (found.length === 0) return [];
    const remedy = `user ${name} ${found.join(', ')}: run ACL LOAD, which reads the users from the file again.`;
    return [describeDifference(view, `user ${name}`, found.join(', '), 'without that', remedy)];
  });
  return { wrong, checked: names.size };
}

/**
 * Finds commands that `rename-command` has renamed or removed, although the rendered file does not. CONFIG GET does not
 * report this directive. `available-commands` judges commands that the rendered file itself renames.
 */
function judgeRenamedCommands(view: NodeView, about: RuleContext): Judged {
  const files = about.facts.rendered.get(view.id)?.directives;
  const absent = absentCommandsOf(view);
  // Read only at the start and at the end; without it, `available-commands` is not measured.
  if (absent === undefined || files === undefined) return { wrong: [], checked: 0 };
  const renamed = new Set((files.get('rename-command') ?? '').toLowerCase().split(/\s+/));
  const wrong = absent
    .filter((name) => !renamed.has(name))
    .map((name) => {
      const remedy = `it has no command ${name.toUpperCase()}, which its rendered file does not rename: remove the line rename-command ${name.toUpperCase()} from the file with which it was started, and restart it.`;
      return describeDifference(view, `command ${name}`, 'absent', 'present', remedy);
    });
  return { wrong, checked: 1 };
}

/**
 * Returns the command classes of a node. They are read only at the start and at the end of a run, because they do not
 * change while a node runs.
 */
function classesOf({ id }: NodeView, { facts }: RuleContext): NodeView['classes'] {
  return facts.probes.findLast(({ nodes }) => nodes.get(id)?.classes !== undefined)?.nodes.get(id)?.classes;
}
