/** Plants client faults one at a time. The run must fail the expected criterion, and its remedy must name the cause. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drills } from '../../harness/drills/index.ts';
import { PlantedClient } from '../../harness/run/planted-client.ts';
import { clientFaults, clientModuleUrl, type Named, type Suite } from './catalogue.ts';
import type { ClientFault } from './client-fault.ts';
import { expectCaught } from './expected.ts';
import { PlantedEnvironment } from './planted-environment.ts';
import { buildRow } from './table-reporter.ts';

const INTEGRATION = new Set(drills.filter(({ family }) => family === 'integration').map(({ id }) => id));

/** Faults whose drills are all integration drills; the other faults also need drills with load or a failover. */
export const integrationFaults = clientFaults.filter(({ drills }) =>
  drills.every((id) => INTEGRATION.has(id)),
);
export const loadFaults = clientFaults.filter((fault) => !integrationFaults.includes(fault));

/** Declares one test per fault on a shared environment, and returns the environment for other tests. */
export function testClientFaults(
  faults: readonly Named<ClientFault>[],
  suite: Suite = '.',
): PlantedEnvironment {
  const environment = new PlantedEnvironment('sentinels');
  beforeAll(async () => void (await environment.start()));
  afterAll(() => environment[Symbol.asyncDispose]());

  it.for(faults)('a fault of the client is detected: $id', async (fault, { task }) => {
    const planted = new PlantedClient(clientModuleUrl(fault.id, suite));
    const report = await environment
      .runDrills(fault.drills, planted)
      .finally(() => environment.awaitHealthy());
    expect(report.run.deviations.join()).toContain(`faults/client/${fault.id}.ts`);
    task.meta.planted = buildRow('client', fault, expectCaught(report, fault));
  });
  return environment;
}
