/** Grammar of the configuration of Redis and Valkey, as data, with lookups by name and server. */
import type { ServerVersion } from '../../server-version.ts';
import { type Availability, describeAvailability, isAvailable } from './availability.ts';
import type { Directive, DirectiveName } from './directive.ts';
import { LIST_DIRECTIVES, STATEMENTS } from './list-directives.ts';
import { ONE_VALUE_DIRECTIVES } from './server-directives.ts';

export { STATEMENTS };

export const DIRECTIVES: readonly Directive[] = [...ONE_VALUE_DIRECTIVES, ...LIST_DIRECTIVES];

export interface Entry {
  readonly directive: Directive;
  readonly name: DirectiveName;
}

/** Rows by name: more than one if the value differs between versions. */
const ENTRIES = new Map<string, Entry[]>();
for (const directive of DIRECTIVES) {
  for (const name of directive.names) {
    ENTRIES.set(name.name, [...(ENTRIES.get(name.name) ?? []), { directive, name }]);
  }
}

/** Returns the rows of a name for all servers; empty if no server has it. */
export function entriesNamed(name: string): readonly Entry[] {
  return ENTRIES.get(name) ?? [];
}

export function entryFor(name: string, server: ServerVersion): Entry | undefined {
  return ENTRIES.get(name)?.find((entry) => isAvailable(entry.name.availability, server));
}

/** Returns the canonical name for any name used in a file. */
export function canonicalName(name: string): string {
  return ENTRIES.get(name)?.[0]?.directive.name ?? name;
}

/** Whether every line of the directive counts, rather than only the last one. */
export function isRepeatable(name: string): boolean {
  return STATEMENTS.has(name) || ENTRIES.get(name)?.[0]?.directive.isRepeatable === true;
}

export function directiveNames(): readonly string[] {
  return [...ENTRIES.keys()];
}

/** Returns the servers that have a name. */
export function availabilityOf(name: string): readonly Availability[] {
  return entriesNamed(name).map((entry) => entry.name.availability);
}

/** Returns whether the server accepts a directive of this name. */
export function hasDirective(name: string, server: ServerVersion): boolean {
  return entryFor(name, server) !== undefined || STATEMENTS.has(name);
}

/**
 * Describes the servers that have a name, for messages: `Redis 7.2 and newer, Valkey`; undefined if no server has it.
 */
export function describeServersWith(name: string): string | undefined {
  const all = new Set(availabilityOf(name).map(describeAvailability));
  return all.size === 0 ? undefined : [...all].join('; ');
}
