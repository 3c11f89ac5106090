import { afterAll, describe, expect, it } from 'vitest';
import { findObservabilityPrograms } from '../../../../infra/substrates/local/observability-programs.ts';
import { temporaryStateDir } from './fixtures.ts';

const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());

const programsWith = (...present: string[]) =>
  findObservabilityPrograms({
    stateDir: state.path,
    progress: () => {},
    find: async (name) => (present.includes(name) ? `/usr/bin/${name}` : undefined),
  });

describe('the programs of observability.prometheus', () => {
  it('are found on the search path', async () => {
    expect(await programsWith('prometheus', 'alertmanager', 'redis_exporter')).toEqual({
      prometheus: '/usr/bin/prometheus',
      alertmanager: '/usr/bin/alertmanager',
      exporter: '/usr/bin/redis_exporter',
    });
  });

  it("include Debian's exporter if neither redis_exporter nor Go exists", async () => {
    const programs = await programsWith('prometheus', 'prometheus-alertmanager', 'prometheus-redis-exporter');
    expect(programs.exporter).toBe('/usr/bin/prometheus-redis-exporter');
  });

  it.each([
    { missing: 'prometheus', present: [] },
    { missing: 'alertmanager', present: ['prometheus'] },
    { missing: 'redis_exporter', present: ['prometheus', 'alertmanager'] },
  ])(
    'lead to an error that explains how to install $missing if it is missing',
    async ({ missing, present }) => {
      await expect(programsWith(...present)).rejects.toMatchObject({
        code: 'OBSERVABILITY_PROGRAM_MISSING',
        message: `${missing} not found in PATH`,
        where: 'observability.prometheus',
        hint: expect.stringMatching(/install .*, or set observability\.prometheus to false/),
      });
    },
  );
});
