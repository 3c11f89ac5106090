/** The page of a rollout contains no scripts, loads nothing, and shows the limits from the settings of the rollout. */
import { describe, expect, it } from 'vitest';
import { canaryPage } from '../../canary/index.ts';
import { exampleLines as lines, exampleView as view } from './example-view.ts';

describe('the page of a rollout', () => {
  it('draws the rollback limit from the settings', () => {
    const page = canaryPage(view({ users: 40, slow: 40 }), lines);
    expect(page.match(/class="limit"/g)).toHaveLength(1);
    expect(page).toMatch(/>rollback at 40</);
  });

  it('draws two lines if the limits for users and for slow requests differ', () => {
    const page = canaryPage(view({ users: 100_000, slow: 20 }), lines);
    expect(page).toMatch(/>rollback at 100000 \(users\)</);
    expect(page).toMatch(/>rollback at 20 \(slow\)</);
    const heights = [...page.matchAll(/class="limit" x1="0" x2="\d+" y1="([\d.]+)"/g)].map(([, y]) =>
      Number(y),
    );
    expect(heights[0]).toBeGreaterThan(0);
    expect(heights[1]).toBeGreaterThan(heights[0] ?? 0);
  });

  it('escapes names, and leaves out entries that cannot be read', () => {
    const page = canaryPage(view({ users: 40, slow: 40 }), [...lines, 'not JSON']);
    expect(page).toMatch(/Canary &#60;flag&#62;: running/);
    expect(page).toMatch(/<polyline class="users"/);
  });
});
