/** The grammar of the configuration in short: for readers that ask for the kind of a directive and not whether a value is allowed. */

import type { Directive as GrammarDirective } from './conf-grammar/directive.ts';
import { DIRECTIVES } from './conf-grammar/index.ts';

export interface Directive {
  readonly value: { readonly kind: 'switch' | 'number' | 'size' | 'choice' | 'text' };
  /** May stand on several lines. */
  readonly repeatable: boolean;
  /** The name that it is another name of. */
  readonly aliasOf?: string;
}

function kindOf({ value }: GrammarDirective): Directive['value']['kind'] {
  if (value.kind === 'switch' || value.kind === 'choice') return value.kind;
  if (value.kind !== 'number') return 'text';
  return value.format === 'integer' || value.format === 'octal' ? 'number' : 'size';
}

/** By every name that any server has. */
export const REDIS_DIRECTIVES: ReadonlyMap<string, Directive> = new Map(
  DIRECTIVES.flatMap((directive) =>
    directive.names.map(({ name }) => [
      name,
      {
        value: { kind: kindOf(directive) },
        repeatable: directive.isRepeatable,
        ...(name === directive.name ? {} : { aliasOf: directive.name }),
      },
    ]),
  ),
);
