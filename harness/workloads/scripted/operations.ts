/**
 * The operations of the runbook, as scripts use them. `harness/trial/operations.ts` performs them with the functions of
 * the kit's commands, or with the command itself.
 */

/** Result of a `kit` command. */
export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
}

export interface Operations {
  /**
   * Runs a `kit` command on the data of the environment, in a separate process. The command reaches the masters as those
   * of an external Redis, with the rights of the admin user.
   *
   * @param args the command and its options, without those that name the Redis
   */
  kit(...args: readonly string[]): Promise<CommandResult>;
  /**
   * Makes a replica the master, as `kit switchover` does; in a cluster, in one shard.
   *
   * @returns ids of the previous and of the new master
   * @throws KitError `SWITCHOVER_FAILED`
   */
  switchOver(): Promise<{ readonly from: string; readonly to: string }>;
  /**
   * Takes a step of `kit rotate` for the user: `begin` generates a password that all nodes accept in addition, `cancel`
   * makes them refuse it again. `cancel` also works after an interrupt.
   *
   * @throws KitError `ROTATION_UNSUPPORTED`, `ROTATION_REFUSED`, `ROTATION_INCOMPLETE`
   */
  rotate(step: 'begin' | 'cancel', user: string): Promise<void>;
  /** Whether a rotation is in progress. */
  isRotating(): boolean;
}
