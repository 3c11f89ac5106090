/** Ends a plan with an error before anything is changed: the environment belongs to another checkout. */
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

/** Terraform takes no constant as a condition; the path of a module is never empty. */
const NEVER = `\${path.module == ""}`;
