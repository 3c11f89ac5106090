/** Terraform backend for the state: the backend in the environment file, with its settings unchanged. */
import { TerraformBackend, type TerraformRemoteState } from 'cdktf';
import type { Construct } from 'constructs';

export interface BackendProps {
  /** Name of the backend in Terraform: `http`, `s3`, `pg`, … */
  readonly type: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** Supports every Terraform backend: cdktf has classes for only some of them, and renames their settings. */
export class ConfiguredBackend extends TerraformBackend {
  readonly #settings: BackendProps['settings'];

  constructor(scope: Construct, id: string, { type, settings }: BackendProps) {
    super(scope, id, type);
    this.#settings = settings;
  }

  protected override synthesizeAttributes(): Record<string, string> {
    return { ...this.#settings };
  }

  // An environment is one stack: no stack reads the state of another one.
  override getRemoteStateDataSource(): TerraformRemoteState {
    throw new Error('an environment must not depend on another stack');
  }
}
