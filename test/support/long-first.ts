/**
 * Starts named test files before all others. Without the results of an earlier run, vitest starts large files first;
 * a short file that takes long would start last and run alone, while the other workers have nothing left to do.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Returns the order in which files start. @param paths ends of paths or parts of them, the first one first */
export function longFirst(paths: readonly string[]): typeof BaseSequencer {
  const rankOf = (path: string) => {
    const index = paths.findIndex((part) => path.includes(part));
    return index === -1 ? paths.length : index;
  };
  return class LongFirst extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
      const groupOf = ({ project }: TestSpecification) => project.config.sequence.groupOrder;
      // The sort is stable, so files of the same rank keep the order of vitest.
      return (await super.sort(files)).toSorted(
        (a, b) => groupOf(a) - groupOf(b) || rankOf(a.moduleId) - rankOf(b.moduleId),
      );
    }
  };
}
