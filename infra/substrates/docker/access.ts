/**
 * Files and addresses that a user of an environment on Docker needs in addition to the nodes. The values are locations,
 * never secrets. Pure.
 */
import { displayPath } from '../../../config/yaml.ts';
import { caFile } from './certificates.ts';
import { commanderPasswordFile, dockerSecretsFile } from './generated-values.ts';
import { COMMANDER_USER } from './observability-files.ts';
import { outputsOf } from './outputs.ts';
import type { DockerPlan } from './plan.ts';

/** Returns the locations by purpose, in the order in which `kit status` prints them. */
export function accessOf(plan: DockerPlan, stateDir: string): Readonly<Record<string, string>> {
  const { name } = plan.environment;
  const outputs = outputsOf(plan, {
    secrets: displayPath(dockerSecretsFile(stateDir, name)),
    commanderPassword: displayPath(commanderPasswordFile(stateDir, name)),
    ca: displayPath(caFile(stateDir, name)),
  });
  const targets = Object.values(outputs.scrape_targets);
  const { engine } = plan.exporter;
  const where = engine === undefined ? '' : ` on host ${engine.host}`;
  return {
    passwords: outputs.secrets_file,
    ...(outputs.ca_file === undefined ? {} : { CA: outputs.ca_file }),
    [`metrics of the master${where}`]: outputs.exporter_url,
    [`metrics of a node${where}`]: `${outputs.scrape_url}?target=${targets[0] ?? ''} (targets: ${targets.join(' ')})`,
    ...(outputs.prometheus_url === undefined ? {} : { [`prometheus${where}`]: outputs.prometheus_url }),
    ...(outputs.alertmanager_url === undefined ? {} : { [`alertmanager${where}`]: outputs.alertmanager_url }),
    [`Redis Commander${where}`]: `${outputs.commander_url} user ${COMMANDER_USER}, password in ${outputs.commander_password_file}`,
  };
}
