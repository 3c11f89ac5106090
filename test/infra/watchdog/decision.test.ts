import { describe, expect, it } from 'vitest';
import { isDeposed, namedMaster } from '../../../infra/watchdog/decision.mjs';

const report = (master: string, epoch: number) => ({ master, epoch });
const master = (id: string, formerId = '0'.repeat(40)) => ({ role: 'master', id, formerId });
const NOTHING = new Set<string>();

describe('the named master', () => {
  it('is the node that a majority of all sentinels reports with the highest epoch', () => {
    const reports = [report('a:1', 4), report('b:1', 5), report('b:1', 5)];
    expect(namedMaster(reports, 3)).toBe('b:1');
    expect(namedMaster(reports.slice(1), 3)).toBe('b:1');
  });

  it('is unknown while only a minority reports the highest epoch, because a switch is being announced', () => {
    expect(namedMaster([report('a:1', 4), report('a:1', 4), report('b:1', 5)], 3)).toBeUndefined();
  });

  it('is unknown without replies from a majority, or if replies differ at the same epoch', () => {
    expect(namedMaster([], 3)).toBeUndefined();
    expect(namedMaster([report('b:1', 5)], 3)).toBeUndefined();
    expect(namedMaster([report('b:1', 5), report('b:1', 5)], 4)).toBeUndefined();
    expect(namedMaster([report('a:1', 5), report('b:1', 5), report('b:1', 5)], 3)).toBeUndefined();
  });
});

describe('a node that reports ROLE master', () => {
  it('counts as deposed if the named master was its replica', () => {
    expect(isDeposed(master('old'), master('new', 'old'), NOTHING)).toBe(true);
  });

  it('counts as deposed if the sentinels reported its replication id earlier, even several failovers ago', () => {
    expect(isDeposed(master('oldest'), master('new', 'old'), new Set(['oldest', 'old', 'new']))).toBe(true);
  });

  it('does not count as deposed right after its promotion, while the sentinels still report the old master', () => {
    const promoted = master('fresh', 'old');
    expect(isDeposed(promoted, master('old', 'older'), new Set(['older', 'old']))).toBe(false);
  });

  it('does not count as deposed after a restart, because its new replication id proves nothing', () => {
    expect(isDeposed(master('unknown'), master('new', 'old'), new Set(['old', 'new']))).toBe(false);
  });

  it('does not count as deposed if the named master does not report ROLE master, or has the same history', () => {
    expect(isDeposed(master('old'), { ...master('new', 'old'), role: 'slave' }, NOTHING)).toBe(false);
    expect(isDeposed(master('same'), master('same', 'same'), new Set(['same']))).toBe(false);
    expect(isDeposed({ ...master('old'), role: 'slave' }, master('new', 'old'), NOTHING)).toBe(false);
  });
});
