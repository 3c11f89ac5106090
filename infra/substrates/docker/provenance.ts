/** Versions and features of an environment on Docker, for the evidence of a run. */
import { serverOf } from '../../redis/server-capabilities.ts';
import type { ContainerFacts } from './engine.ts';
import type { ImageSet } from './images.ts';
import type { DockerPlan, PlannedContainer } from './plan.ts';

export interface DockerProvenance {
  readonly provenance: Readonly<Record<string, string>>;
  /** Image with a shell, to run helpers. */
  readonly helperImage: string;
}

/** Returns versions and features. @param found containers by name */
export function provenanceOf(
  { nodes, exporter }: DockerPlan,
  { facts, origin }: ImageSet,
  found: ReadonlyMap<string, ContainerFacts>,
  engine: string,
): DockerProvenance {
  const imageOf = (part: PlannedContainer | undefined) =>
    found.get(part?.container ?? '')?.Config.Image ?? 'unknown';
  const server = serverOf(facts);
  return {
    provenance: {
      'docker-engine': engine,
      'redis-version': server.version,
      'server-family': server.family,
      'redis-activedefrag': String(facts.activedefrag),
      'redis-tls': String(facts.tls),
      images: origin,
      'image-redis': imageOf(nodes[0]),
      'image-exporter': imageOf(exporter),
    },
    helperImage: imageOf(exporter),
  };
}
