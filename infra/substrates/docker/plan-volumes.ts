/** Volumes of a plan. Pure. */
import { type DockerPlan, type PlannedHost, type StoringService, servicesOf } from './plan.ts';

/** Returns the services, other than nodes, that store data on one engine. */
export function storingServicesOn(
  { monitoring }: DockerPlan,
  { engine }: Pick<PlannedHost, 'engine'>,
): readonly StoringService[] {
  if (monitoring === undefined) return [];
  return [monitoring.prometheus, monitoring.alertmanager].filter((service) => service.engine === engine);
}

/** Returns the data volumes of one engine. */
export function dataVolumesOn(plan: DockerPlan, host: Pick<PlannedHost, 'engine'>): readonly string[] {
  const nodes = plan.nodes.filter(({ engine }) => engine === host.engine);
  return [...nodes, ...storingServicesOn(plan, host)].map(({ dataVolume }) => dataVolume);
}

export function configVolumesOf(plan: DockerPlan): readonly string[] {
  return plan.hosts.flatMap((host) => configVolumesOn(plan, host));
}

/** Returns the configuration volumes of one engine. */
export function configVolumesOn(
  plan: DockerPlan,
  { engine }: Pick<PlannedHost, 'engine'>,
): readonly string[] {
  return [...servicesOf(plan), plan.ready]
    .filter((part) => part.engine === engine)
    .map((part) => part.configVolume);
}
