import type { LiveFault } from '../fault.ts';
import { changeFault, connectAdmin } from '../server-fault-builders.ts';

/** `CONFIG SET` on every Redis node, because the drills of earlier faults may have made any of them the master. */
export function directiveOnEveryNode(
  common: Parameters<typeof changeFault>[0],
  directive: string,
  value: string,
): LiveFault {
  return changeFault(common, async (environment) => {
    const before = await Promise.all(
      environment.topology.redis.map(async ({ id }) => {
        const admin = await connectAdmin(environment, id);
        const [, was = ''] = (await admin.config('GET', directive)) as string[];
        await admin.config('SET', directive, value);
        return { id, was };
      }),
    );
    return async () => {
      for (const { id, was } of before)
        await (await connectAdmin(environment, id)).config('SET', directive, was);
    };
  });
}
