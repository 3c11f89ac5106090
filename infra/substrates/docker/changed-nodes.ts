/** Finds the nodes that a deploy would replace, and refuses to replace several of them at once. Read-only. */
import { EXIT, KitError } from '../../../config/errors.ts';
import { namedServer } from '../../../config/server-name.ts';
import type { PlanStep } from '../substrate.ts';
import { imageIds, inspectContainers } from './engine.ts';
import { kitCommand } from './hint-commands.ts';
import { chooseImages, imageName } from './images.ts';
import { type DockerPlan, enginesIn, LABEL, type PlannedNode } from './plan.ts';
import { renderHashes } from './rendering.ts';
import { otherVersions } from './server-versions.ts';
import { environmentDir } from './state-files.ts';

/**
 * Returns the nodes whose deployed files differ from the rendered ones, or whose server is not the one that the
 * environment names. Nodes without a container are not included.
 */
export async function changedNodes(plan: DockerPlan, stateDir: string): Promise<readonly PlannedNode[]> {
  const images = chooseImages(stateDir, plan.environment);
  const { hashes } = renderHashes(plan, images.facts, stateDir);
  const found = await inspectContainers(plan.nodes);
  const isNamed = namedServer(plan.environment) !== undefined;
  const others = isNamed ? await otherVersions(plan, found, images) : [];
  return plan.nodes.filter(({ container, configVolume }) => {
    const label = found.get(container)?.Config.Labels?.[LABEL.config];
    const isOther = others.some((other) => other.container === container);
    return isOther || (label !== undefined && label !== hashes.get(configVolume));
  });
}

/** Returns the running Redis nodes that a deploy would replace because of their files or their image. */
async function replacedRedisNodes(plan: DockerPlan, stateDir: string): Promise<readonly PlannedNode[]> {
  const name = imageName(chooseImages(stateDir, plan.environment).redis);
  const images = await imageIds(name, enginesIn(plan));
  const changed = await changedNodes(plan, stateDir);
  const found = await inspectContainers(plan.nodes);
  return plan.nodes.filter((node) => {
    const facts = found.get(node.container);
    if (node.node.role !== 'redis' || facts?.State.Status !== 'running') return false;
    return changed.includes(node) || facts.Image !== images.get(node.engine);
  });
}

/**
 * Returns the error for a deploy that would replace several running Redis nodes at once; undefined for any other
 * deploy.
 */
export async function outageOfDeploy(plan: DockerPlan, stateDir: string): Promise<KitError | undefined> {
  const nodes = await replacedRedisNodes(plan, stateDir);
  if (nodes.length < 2) return undefined;
  const { name } = plan.environment;
  const ids = nodes.map(({ id }) => id).join(', ');
  return new KitError(
    `a deploy of '${name}' would replace ${ids} at the same time, leaving no master for several seconds`,
    {
      code: 'ROLLING_REQUIRED',
      exitCode: EXIT.USAGE,
      where: environmentDir(stateDir, name),
      hint: `node by node: ${kitCommand('apply', plan.environment)}; or accept the interruption: KIT_ALLOW_OUTAGE=${name}`,
    },
  );
}

const ACTIONS: Readonly<Record<string, PlanStep['action']>> = {
  create: 'create',
  delete: 'remove',
  replace: 'replace',
  update: 'replace',
  'no-op': 'keep',
};

/** Returns the actions in Terraform's plan, by node. */
export function stepsOfNodes(
  plan: DockerPlan,
  steps: readonly { readonly action: string; readonly address: string }[],
): readonly PlanStep[] {
  return plan.nodes.map(({ id }) => {
    const step = steps.find(
      ({ address }) => address.startsWith('docker_container.') && address.includes(`_${id}_`),
    );
    const action = step === undefined ? 'keep' : (ACTIONS[step.action] ?? 'replace');
    return { action, nodeId: id, detail: step?.address ?? 'as planned' };
  });
}
