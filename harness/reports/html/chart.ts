/**
 * Shared parts of all figures: the frame of a panel, axes, ticks and the rounding that makes their bytes equal on
 * every machine. Panels are 480 units wide with 12-unit text, so that they are readable in two columns on a desktop
 * and in one column on a phone. Colours are classes; the style sheet defines the scheme.
 */
import type { ScaleContinuousNumeric } from 'd3-scale';
import { formatMs, formatNumber } from '../wording.ts';
import { type Content, html, type Markup } from './markup.ts';

export const PANEL = { width: 480, left: 46, right: 46 } as const;
export const INNER_RIGHT = PANEL.width - PANEL.right;

type Scale = ScaleContinuousNumeric<number, number>;

export function roundCoordinate(coordinate: number): number {
  return Math.round(coordinate * 10) / 10;
}

/**
 * Returns the powers of ten below the smallest and above the largest positive value, at least two decades apart. Values
 * of zero and below are ignored.
 */
export function decadesOf(values: readonly number[]): readonly [number, number] {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  if (positive.length === 0) return [0.1, 10];
  const low = Math.floor(Math.log10(positive.reduce((least, value) => Math.min(least, value))));
  const high = Math.ceil(Math.log10(positive.reduce((most, value) => Math.max(most, value))));
  return [10 ** low, 10 ** Math.max(high, low + 2)];
}

export function decadeTicks([low, high]: readonly [number, number]): readonly number[] {
  const count = Math.round(Math.log10(high / low));
  const ticks = Array.from({ length: count + 1 }, (_, index) => Number((low * 10 ** index).toPrecision(3)));
  return count <= 4 ? ticks : ticks.filter((_, index) => (count - index) % 2 === 0);
}

export function horizontalGrid(
  scale: Scale,
  ticks: readonly number[],
  label: (value: number) => string,
): Markup {
  return html`<g class="grid">${ticks.map((tick) => {
    const y = roundCoordinate(scale(tick));
    return html`<line x1="${PANEL.left}" x2="${INNER_RIGHT}" y1="${y}" y2="${y}"/><text x="${PANEL.left - 6}" y="${roundCoordinate(y + 4)}" text-anchor="end">${label(tick)}</text>`;
  })}</g>`;
}

/** Renders an axis in seconds below the lowest panel, as wide as the scale. */
export function timeAxis(scale: Scale, y: number): Markup {
  const ticks = scale.ticks(6);
  const [left = PANEL.left] = scale.range();
  const last = ticks.length - 1;
  return html`<g class="axis"><line x1="${left}" x2="${INNER_RIGHT}" y1="${y}" y2="${y}"/>${ticks.map(
    (tick, index) => {
      const x = roundCoordinate(scale(tick));
      const text = `${formatNumber(tick / 1000)}${index === last ? ' s' : ''}`;
      return html`<line x1="${x}" x2="${x}" y1="${y}" y2="${y + 4}"/><text x="${x}" y="${y + 17}" text-anchor="middle">${text}</text>`;
    },
  )}</g>`;
}

export function msTick(ms: number): string {
  return formatMs(ms);
}

/** Renders a drawing with a name and a description for screen readers. */
export function renderDrawing(
  id: string,
  height: number,
  title: string,
  description: string,
  ...content: readonly Content[]
): Markup {
  return html`<svg viewBox="0 0 ${PANEL.width} ${roundCoordinate(height)}" role="img" aria-labelledby="${id}-t ${id}-d"><title id="${id}-t">${title}</title><desc id="${id}-d">${description}</desc>${content}</svg>`;
}

/** Wraps a table so that it can be scrolled, with the keyboard as well, if the page is too narrow. */
export function wrapScrolling(label: string, table: Markup): Markup {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${table}</div>`;
}
