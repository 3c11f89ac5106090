/** Makes a plan fail before anything is changed, because the environment belongs to another checkout. */
import { DataResource } from 'cdktf';
import { Construct } from 'constructs';

export class Refusal extends Construct {
  constructor(scope: Construct, id: string, reason: string) {
    super(scope, id);
    new DataResource(this, 'foreign', {
      lifecycle: { precondition: [{ condition: NEVER, errorMessage: reason }] },
    });
  }
}

/** Condition that is never true. Terraform does not accept a constant, but the path of a module is never empty. */
const NEVER = `\${path.module == ""}`;
