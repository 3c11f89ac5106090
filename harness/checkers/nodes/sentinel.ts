/** Settings of a master as a sentinel reports them, and which of these settings are wrong. Pure. */
import type { Fields, NodeView } from './facts.ts';
import type { RuleContext, Wrong } from './finding.ts';

/** Returns the master of the environment; undefined if the sentinel does not monitor it, or did not reply. */
export function watchedMaster({ masters }: NodeView, { environment }: RuleContext): Fields | undefined {
  return masters?.find((master) => master.get('name') === environment.topology.serviceName);
}

/** Returns the rendered value of `sentinel <option> <service> <value>`. */
export function renderedOption(view: NodeView, { facts }: RuleContext, option: string): string | undefined {
  const directives = facts.rendered.get(view.id)?.directives;
  // `sentinel monitor <service> <host> <port> <quorum>`
  const line = directives?.get(option === 'quorum' ? 'sentinel monitor' : `sentinel ${option}`);
  return line?.split(' ').at(-1);
}

export function wrongOption(
  view: NodeView,
  about: RuleContext,
  of: {
    readonly option: string;
    readonly live: string;
    readonly wanted: string;
    readonly setting: string;
    readonly reason: string;
  },
): Wrong {
  const { option, live, wanted, setting, reason } = of;
  const rendered = renderedOption(view, about, option);
  const service = about.environment.topology.serviceName;
  const remedy =
    rendered !== undefined && rendered !== live
      ? `${option} is '${live}', rendered '${rendered}': SENTINEL SET ${service} ${option} ${rendered}.`
      : `${option} is '${live}', as rendered: set ${setting}.`;
  return { node: view.id, what: option, live, wanted, rendered, reason: `${reason} (${setting})`, remedy };
}
