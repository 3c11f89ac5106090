/**
 * Removes the passwords together with the environment: `cdktf destroy` deletes their files as `kit down` does. All
 * other resources depend on this one, so that Terraform destroys it last: a failed destroy keeps the passwords of the
 * containers that are still running.
 */
import { DataResource } from 'cdktf';
import { Construct } from 'constructs';

export class SecretFiles extends Construct {
  readonly resource: DataResource;

  /** @param paths paths relative to the stack's folder, where Terraform runs */
  constructor(scope: Construct, id: string, paths: readonly string[]) {
    super(scope, id);
    const words = paths.map((path) => `'${path.replaceAll("'", "'\\''")}'`).join(' ');
    this.resource = new DataResource(this, 'files', {
      provisioners: [{ type: 'local-exec', when: 'destroy', command: `rm -rf -- ${words}` }],
    });
  }
}
