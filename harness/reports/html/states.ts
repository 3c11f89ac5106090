/** Symbols of the states: each state has its own shape, so that colour is never the only difference. */
import type { CriterionState } from '../../gates/gate.ts';
import { STATE_LABEL, STATES } from '../wording.ts';
import { html, type Markup, slugOf } from './markup.ts';

const SHAPE: Readonly<Record<CriterionState, Markup>> = {
  PASS: html`<circle cx="8" cy="8" r="7" class="solid"/><path d="M4.6 8.4l2.3 2.3 4.5-5" class="cut"/>`,
  FAIL: html`<path d="M8 .6L15.4 8 8 15.4.6 8z" class="solid"/><path d="M5.6 5.6l4.8 4.8m0-4.8l-4.8 4.8" class="cut"/>`,
  INVALID: html`<path d="M8 1.2l7 13H1z" class="solid"/><path d="M8 6v4m0 1.6v.9" class="cut"/>`,
  INSUFFICIENT: html`<circle cx="8" cy="8" r="6.2" class="ring"/><path d="M8 1.8a6.2 6.2 0 0 1 0 12.4z" class="solid"/>`,
  NOT_MEASURED: html`<circle cx="8" cy="8" r="6.2" class="ring dashed"/><path d="M6 6.6a2 2 0 1 1 2.9 1.8c-.6.3-.9.6-.9 1.2m0 1.5v.6" class="stroke"/>`,
  WAIVED: html`<circle cx="8" cy="8" r="6.2" class="ring"/><path d="M4.4 9c1.2-2 2.4-2 3.6-1s2.4 1 3.6-1" class="stroke"/>`,
  OUT_OF_SCOPE: html`<circle cx="8" cy="8" r="2.4" class="solid"/>`,
};

/** Draws each symbol once; the page uses the symbols by reference. */
export function stateSymbols(): Markup {
  return html`<svg class="symbols" aria-hidden="true" width="0" height="0">${STATES.map((state) => html`<symbol id="${symbolId(state)}" viewBox="0 0 16 16">${SHAPE[state]}</symbol>`)}</svg>`;
}

export function renderSign(state: CriterionState): Markup {
  return html`<svg class="sign ${slugOf(STATE_LABEL[state])}" aria-hidden="true" width="16" height="16"><use href="#${symbolId(state)}"/></svg>`;
}

export function stateWord(state: CriterionState): Markup {
  return html`<span class="state ${slugOf(STATE_LABEL[state])}">${renderSign(state)}<span>${STATE_LABEL[state]}</span></span>`;
}

function symbolId(state: CriterionState): string {
  return `s-${slugOf(STATE_LABEL[state])}`;
}
