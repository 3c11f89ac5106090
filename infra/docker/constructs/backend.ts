/** Where Terraform keeps the state: the backend that the environment names, with its settings as they stand there. */
import { TerraformBackend, type TerraformRemoteState } from 'cdktf';
import type { Construct } from 'constructs';

export interface BackendProps {
  /** As Terraform calls it: `http`, `s3`, `pg`, … */
  readonly type: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** Any of Terraform's backends: cdktf's own classes know some of them, and rename the settings. */
export class ConfiguredBackend extends TerraformBackend {
  readonly #settings: BackendProps['settings'];

  constructor(scope: Construct, id: string, { type, settings }: BackendProps) {
    super(scope, id, type);
    this.#settings = settings;
  }

  protected override synthesizeAttributes(): Record<string, string> {
    return { ...this.#settings };
  }

  // An environment is one stack: nothing reads another one's state.
  override getRemoteStateDataSource(): TerraformRemoteState {
    throw new Error('an environment needs nothing of another stack');
  }
}
