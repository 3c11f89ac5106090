/**
 * Rolling change of containers: finds the nodes that the next deploy would replace, replaces one at a time with a
 * targeted `terraform apply`, and ends with a complete deploy, which then replaces no node.
 */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { EXIT, KitError } from '../../../config/errors.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import type { NodeChange, PreparedChange } from '../../operations/rolling/change.ts';
import { fileMark } from '../../operations/rolling/file-mark.ts';
import { notRolling } from '../../operations/rolling/limits.ts';
import { requireMutualTrust } from '../../operations/rolling/trust.ts';
import { serverOf } from '../../redis/server-capabilities.ts';
import { planTopology } from '../../topology.ts';
import type { FoundEnvironment } from '../substrate.ts';
import type { TlsTexts } from './certificates.ts';
import { stepsOfNodes } from './changed-nodes.ts';
import type { DriftFinding } from './drift.ts';
import type { DockerEnvironment } from './environment.ts';
import { awaitAnswer } from './health.ts';
import { cdktfCommand } from './hint-commands.ts';
import type { ImageSet } from './images.ts';
import { outputNodes } from './outputs.ts';
import { type DockerPlan, type PlannedNode, planDocker } from './plan.ts';
import { environmentDir } from './state-files.ts';
import { deploy, replaceContainer, type TerraformOptions, terraformPlan } from './terraform.ts';

export interface DockerChangeRequest {
  readonly plan: DockerPlan;
  /** Certificates of the next deploy; undefined without TLS, and if that deploy generates them. */
  readonly certificates: TlsTexts | undefined;
  /** Configuration of the last deploy; undefined if the state does not contain it. */
  readonly applied: EnvironmentConfig | undefined;
  /** Differences between the engine and the plan. */
  readonly drift: readonly DriftFinding[];
  /** Environment as applied. */
  readonly found: Pick<FoundEnvironment, 'differences'>;
  readonly images: ImageSet;
  readonly environment: DockerEnvironment;
  readonly terraform: TerraformOptions;
  readonly progress: (line: string) => void;
}

/** Prepares a change. @throws KitError `CHANGE_NOT_ROLLING`, `CERTIFICATE_UNTRUSTED` */
export async function prepareDockerChange(request: DockerChangeRequest): Promise<PreparedChange> {
  const { plan, certificates, applied, drift, found, images, environment, terraform } = request;
  const { name } = plan.environment;
  requirePasswords(name, found);
  requireRolling(plan, applied);
  requireSameAuthority(plan, certificates, drift);
  const changes = plan.nodes.flatMap(({ id, container }): readonly NodeChange[] => {
    const own = drift.filter(({ what, nextApply }) => what === container && ENDS_NODE.has(nextApply));
    return own.length === 0 ? [] : [{ nodeId: id, differences: own.map(({ kind }) => kind) }];
  });
  if (certificates !== undefined && changes.length > 0) {
    request.progress('checking that the nodes trust the certificates of each other');
    await requireMutualTrust(environment, certificates);
  }
  return {
    environment,
    mark: fileMark(join(environmentDir(terraform.stateDir, name), 'rolling')),
    changes,
    parts: otherParts(plan, drift),
    settings: found.differences,
    server: serverOf(images.facts),
    async replaceNode(nodeId) {
      const { container } = nodeOf(plan, nodeId);
      await replaceContainer(plan.environment, container, terraform);
      environment.reconnect(nodeId);
      await awaitAnswer(environment, nodeId);
    },
    finish: (progress) => finish(plan, terraform, progress),
    [Symbol.asyncDispose]: () => environment[Symbol.asyncDispose](),
  };
}

/**
 * Refuses changed passwords, which need a different procedure: a node with new passwords could not log in to a node
 * with the previous ones.
 */
function requirePasswords(name: string, { differences }: DockerChangeRequest['found']): void {
  const [first] = differences.filter((text) => text.startsWith('passwords:'));
  if (first === undefined) return;
  throw new KitError(first, {
    code: 'SECRETS_CHANGED',
    exitCode: EXIT.USAGE,
    where: name,
    hint: 'restore the secrets file of the running environment; kit rotate changes passwords',
  });
}

/** Effects of an apply that stop a container's process, or change the container while clients use it. */
const ENDS_NODE: ReadonlySet<DriftFinding['nextApply']> = new Set([
  'creates it',
  'replaces it',
  'updates it in place',
]);

/** Returns the parts other than nodes that the final deploy creates or replaces. */
function otherParts(plan: DockerPlan, drift: readonly DriftFinding[]): readonly string[] {
  const nodes = new Set(plan.nodes.map(({ container }) => container));
  const found = drift.filter(({ what, nextApply }) => !nodes.has(what) && ENDS_NODE.has(nextApply));
  return [...new Set(found.map(({ what }) => what))];
}

function requireRolling(plan: DockerPlan, applied: EnvironmentConfig | undefined): void {
  if (applied === undefined) return;
  const isMoved = !isDeepStrictEqual(outputNodes(planDocker(planTopology(applied))), outputNodes(plan));
  const paths = notRolling(applied, plan.environment);
  if (paths.length === 0 && !isMoved) return;
  const what = paths.length > 0 ? paths.join(', ') : 'docker.subnet, docker.ports';
  throw new KitError(`cannot be changed node by node: ${what}`, {
    code: 'CHANGE_NOT_ROLLING',
    exitCode: EXIT.USAGE,
    where: plan.environment.name,
    hint: `restore these settings, or deploy with an interruption of all nodes: ${cdktfCommand('deploy', plan.environment)}`,
  });
}

/**
 * Refuses certificates that the deploy would generate. The kit's CA signs only once, so they have another CA, which
 * other nodes do not trust yet.
 */
function requireSameAuthority(
  { environment }: DockerPlan,
  certificates: TlsTexts | undefined,
  drift: readonly DriftFinding[],
): void {
  const due = drift.find(({ kind }) => kind === 'certificate');
  const isGenerated = environment.security.tls && certificates === undefined;
  if (due === undefined && !isGenerated) return;
  const what =
    due === undefined
      ? 'security.certificates is omitted, and the certificates that the kit would generate'
      : `the certificates are due for renewal (${due.found}), and the new ones`;
  throw new KitError(`${what} have a new authority`, {
    code: 'CHANGE_NOT_ROLLING',
    exitCode: EXIT.USAGE,
    where: environment.name,
    hint: `deploy with an interruption of all nodes: ${cdktfCommand('deploy', environment)}; or name certificates from your own authority in security.certificates`,
  });
}

/** Deploys the remaining changes. A node that still differs would be replaced together with others. */
async function finish(
  plan: DockerPlan,
  terraform: TerraformOptions,
  progress: (line: string) => void,
): Promise<void> {
  const { steps } = await terraformPlan(plan.environment, terraform);
  const left = stepsOfNodes(plan, steps).filter(({ action }) => action !== 'keep');
  if (left.length > 0) {
    throw new KitError(
      `still differ from the configuration: ${left.map(({ nodeId }) => nodeId).join(', ')}`,
      {
        code: 'ROLLING_INCOMPLETE',
        exitCode: EXIT.UNKNOWN,
        where: plan.environment.name,
        hint: 'run kit apply again; if the error repeats, see docs/runbook.md, "Change to a setting"',
      },
    );
  }
  progress(`terraform apply, stack ${plan.environment.name}`);
  await deploy(plan.environment, terraform);
}

function nodeOf(plan: DockerPlan, nodeId: string): PlannedNode {
  const found = plan.nodes.find(({ id }) => id === nodeId);
  if (found === undefined) throw new RangeError(`no node '${nodeId}' in ${plan.environment.name}`);
  return found;
}
