/** Coverage of the kit's own tests, as its summary says; the judge hands it in as one observation. */
import type { Checker } from './checker.ts';
import { present, proportion, unknown } from './selection.ts';

export const coverage: Checker = {
  id: 'coverage',
  proves: 'the tests of the kit reach enough of its lines and branches',
  check(history) {
    const data = history.observations.find(({ name }) => name === 'coverage')?.data ?? {};
    const figure = (of: string) => {
      const [covered, total] = [data[`${of}Covered`], data[`${of}Total`]];
      return typeof covered === 'number' && typeof total === 'number'
        ? proportion(covered, total)
        : undefined;
    };
    const figures = present({ lines: figure('lines'), branches: figure('branches') });
    return Object.keys(figures).length === 2
      ? { validity: 'valid', reasons: [], figures }
      : unknown('the coverage summary has no totals of lines and branches');
  },
};
