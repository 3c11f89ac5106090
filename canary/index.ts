/** Entry point: a canary rollout whose statistics stay valid for any number of looks. See docs/canary.md. */

export { type CanaryConfig, loadCanary } from '../config/canary.ts';
export { type Arm, armOf, hashOf } from './assignment/assignment.ts';
export { patternCacheOptions } from './database.ts';
export { environmentFlags, type FlagSource, type Flags, fixedFlags } from './flags.ts';
export { type CanaryView, type Inspection, inspectCanary, limitsOf } from './inspection.ts';
export type { Decision, Status, Verdict } from './judge/types.ts';
export { type Replay, replay } from './log/replay.ts';
export { type BooleanFlags, CanaryProvider, CanaryProviderError, openFeatureFlags } from './openfeature.ts';
export { canaryPage } from './report/page.ts';
export { canaryText, decisionText } from './report/text.ts';
export {
  type Assignment,
  type CanaryOptions,
  type CanaryStatus,
  CanaryTestingService,
  type Outcome,
} from './service.ts';
