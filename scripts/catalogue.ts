/**
 * Describes the drills for users: their actions, and the conditions that must hold regardless of timing. Wraps lines to
 * the width of the terminal.
 */
import type { Drill } from '../harness/drills/drill.ts';

const INDENT = '    ';

export function catalogueText(drills: readonly Drill[], width: number): string {
  const families = [...new Set(drills.map(({ family }) => family))];
  return families
    .map((family) =>
      [family, ...drills.filter((drill) => drill.family === family).map(formatEntry)].join('\n'),
    )
    .join('\n\n');

  function formatEntry(drill: Drill): string {
    const { id, title, safeOutcome, source, trials, profile } = drill;
    const others = profile === undefined ? 'in full' : `in full or profile ${profile}`;
    const quick = trials.quick === 0 ? `by name or ${others} only` : `${trials.quick} quick`;
    const counts =
      trials.full === 0
        ? `by name or in profile ${profile ?? 'capacity'} only`
        : `${quick}, ${trials.full} full`;
    const facts = `trials: ${counts}. From: ${source}.`;
    return [
      `  ${id}: ${title}`,
      ...wrapText(`Must hold: ${safeOutcome}`, width),
      ...wrapText(formatRequirements(drill), width),
      ...wrapText(facts, width),
    ].join('\n');
  }
}

/** Formats the faults of a drill, and the topologies and substrates that support them. */
function formatRequirements(drill: Drill): string {
  const { faults, needs, needsProgram, topologies, proxied = false, external } = drill;
  const names = [...new Set(faults.map(({ fault }) => fault))];
  const capabilities = [
    ...needs,
    ...(needsProgram === undefined ? [] : [needsProgram]),
    ...(proxied === false ? [] : ['fault proxy']),
  ];
  const substrates = ['local', 'docker', ...(external === undefined ? [] : ['external'])];
  return [
    `faults: ${names.length === 0 ? 'none' : names.join(', ')}`,
    ...(capabilities.length === 0 ? [] : [`needs: ${capabilities.join(', ')}`]),
    `topologies: ${topologies.join(', ')}`,
    `substrates: ${substrates.join(', ')}`,
  ].join('; ');
}

function wrapText(text: string, width: number): string[] {
  const room = Math.max(20, width - INDENT.length);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(INDENT + line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, INDENT + line];
}
