/** Names of the substrates, and a previous name that is accepted for one more version. */

export const SUBSTRATE_NAMES = ['local', 'docker', 'external'] as const;

const FORMER_NAMES: ReadonlyMap<unknown, string> = new Map([['attached', 'external']]);

/** Replaces a previous name of a substrate (command line, gates.yaml, recorded runs) with the current one. */
export const currentSubstrateName = <T>(name: T): T | string => FORMER_NAMES.get(name) ?? name;
