/** Executable blocks of docs/runbook.md: fenced blocks of `sh` with the substrates that they are for. */
import { readFileSync } from 'node:fs';

export interface RunbookSection {
  readonly title: string;
  /** Texts of its blocks for the substrate, in order. */
  readonly blocks: readonly string[];
}

export function runbookSections(substrate: 'local' | 'docker'): readonly RunbookSection[] {
  const page = readFileSync('docs/runbook.md', 'utf8');
  return page
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      title: section.slice(0, section.indexOf('\n')),
      blocks: [...section.matchAll(/^```sh ([a-z ]+)\n(.*?)^```$/gms)]
        .filter(([, info = '']) => info.split(' ').includes(substrate))
        .map(([, , text]) => text ?? ''),
    }));
}
