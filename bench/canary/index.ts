/**
 * `npm run bench -- canary [runs] [--save FILE]`: a simulation that compares the judge with the naive rules, the
 * assignment of one million ids, and the cost per request. The seed is fixed: the same commit gives the same figures,
 * except for the cost.
 */
import { writeFileSync } from 'node:fs';
import { loadCanary } from '../../config/canary.ts';
import { proportionLowerBound, proportionUpperBound } from '../../harness/statistics/bounds.ts';
import { CHI_SQUARED_MAX, measureAssignment, measureCost } from './assignment.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { type Outcome, simulate } from './simulate.ts';
import { BASE } from './traffic.ts';

const SEED = 1;
const CPU_US_MAX = 2;
const COMMANDS_MAX = 0.1;

const [first = '1000'] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const save = process.argv.indexOf('--save');
const runs = Number(save === 2 ? 1000 : first);
if (!Number.isSafeInteger(runs) || runs < 1)
  throw new RangeError(`runs: must be an integer of at least 1, got '${first}'`);
const config = loadCanary();

const outcomes = SCENARIOS.map((scenario) => {
  const outcome = simulate(scenario, runs, config, SEED);
  process.stderr.write(
    `${scenario.name}: ${outcome.rollbacks} rollbacks, ${outcome.promotions} promotions\n`,
  );
  return outcome;
});
const assignment = measureAssignment(config.flag, config.rollout.stages);
const cost = await measureCost(config.flag, config.metrics);

const goals: readonly (readonly [goal: string, measured: string, met: boolean])[] = [
  ...outcomes.flatMap(goalsOf),
  [
    `1,000,000 ids, chi-squared over 1000 bins <= ${CHI_SQUARED_MAX} (p 0.001)`,
    assignment.chiSquared.toFixed(0),
    assignment.chiSquared <= CHI_SQUARED_MAX,
  ],
  [
    'ids that leave the canary while the share grows: 0',
    String(assignment.leaving),
    assignment.leaving === 0,
  ],
  [`CPU per request <= ${CPU_US_MAX} µs`, `${cost.cpuUs.toFixed(2)} µs`, cost.cpuUs <= CPU_US_MAX],
  [
    `commands per request <= ${COMMANDS_MAX}, flushes of ${config.metrics.minBatch} requests of new users`,
    cost.commandsPerRequest.toFixed(3),
    cost.commandsPerRequest <= COMMANDS_MAX,
  ],
];

const text = page();
if (save === -1) process.stdout.write(text);
else writeFileSync(process.argv[save + 1] ?? 'docs/results/canary.md', text);
if (goals.some(([, , met]) => !met)) process.exitCode = 1;

function goalsOf({ scenario, rollbacks, promotions, medianSeconds }: Outcome) {
  const { name, rollbackMax, rollbackMin, promotedMax, promotedMin, medianMaxSeconds } = scenario;
  const goal = (text: string, measured: string, met: boolean) => [`${name}: ${text}`, measured, met] as const;
  const all: (readonly [string, string, boolean])[] = [];
  const [rolledBack, promoted] = [rollbacks / runs, promotions / runs];
  if (rollbackMax !== undefined)
    all.push(goal(`rolled back <= ${percent(rollbackMax)}`, percent(rolledBack), rolledBack <= rollbackMax));
  if (rollbackMin !== undefined)
    all.push(goal(`rolled back >= ${percent(rollbackMin)}`, percent(rolledBack), rolledBack >= rollbackMin));
  if (promotedMax !== undefined)
    all.push(goal(`promoted <= ${percent(promotedMax)}`, percent(promoted), promoted <= promotedMax));
  if (promotedMin !== undefined)
    all.push(goal(`promoted >= ${percent(promotedMin)}`, percent(promoted), promoted >= promotedMin));
  if (medianMaxSeconds !== undefined) {
    const met = medianSeconds !== null && medianSeconds <= medianMaxSeconds;
    all.push(goal(`median time <= ${medianMaxSeconds} s`, `${medianSeconds ?? '-'} s`, met));
  }
  return all;
}

function page(): string {
  const met = goals.filter(([, , isMet]) => isMet).length;
  const rows = outcomes.map((outcome) =>
    [
      outcome.scenario.name,
      errorsOf(outcome.scenario),
      withInterval(outcome.rollbacks),
      outcome.medianSeconds === null ? '-' : `${outcome.medianSeconds} s`,
      outcome.scenario.stages.length > 1 ? percent(outcome.promotions / runs) : '-',
      percent(outcome.naiveCumulative / runs),
      percent(outcome.naivePerLook / runs),
    ].join(' | '),
  );
  return `# Canary simulation

\`npm run bench -- canary ${runs} --save docs/results/canary.md\`, seed ${SEED}, Node ${process.versions.node}. Except for the
CPU times, the same commit gives the same figures. Settings of \`config/canary.yaml\`, except for the
stages: ${BASE.requestsPerSecond} requests/s, 10 % in the canary, ${BASE.looks} looks of ${BASE.lookSeconds} s, ${BASE.users.toLocaleString('en')} users, ${runs} runs per
row. Counts are drawn per look. With clustered errors, an affected user has a geometric number of
errors. Broken users fail on every second request, in both arms.

## Goals: ${met} of ${goals.length} met

| goal | measured | met |
|---|---|---|
${goals.map(([goal, measured, isMet]) => `| ${goal} | ${measured} | ${isMet ? 'yes' : '**no**'} |`).join('\n')}

## Runs

The naive rule rolls back when the error delta is above 1 point, over all requests so far or over the requests of each look.

| scenario | errors of the control | rolled back | median time | promoted | naive, cumulative | naive, per look |
|---|---|---|---|---|---|---|
${rows.map((row) => `| ${row} |`).join('\n')}

${limitsText()}

## Assignment

| stage | share of 1,000,000 ids |
|---|---|
${Object.entries(assignment.shares)
  .map(([stage, share]) => `| ${stage} % | ${percent(share, 3)} |`)
  .join('\n')}

CPU time of hashing one id: ${cost.murmur3Us.toFixed(2)} µs for murmur3, ${cost.sha256Us.toFixed(2)} µs for SHA-256 (\`crypto.hash\`).
`;
}

/** Describes the limits in the goals: the proven bound, and the base error ratio. */
function limitsText(): string {
  const medianOf = (name: string) => {
    const seconds = outcomes.find(({ scenario }) => scenario.name === name)?.medianSeconds ?? null;
    return seconds === null ? 'not found' : `${seconds} s`;
  };
  const { errorAlpha, latencyAlpha } = config.judge;
  return `Brackets contain 95 % intervals (Clopper-Pearson). The bound of the e-processes is proven: at most ${percent(errorAlpha + latencyAlpha)}
false rollbacks per stage at any number of looks.

The goals for the time of a rollback apply to ${percent(BASE.errorRatio)} errors of the control, where the median for
+1 point is ${medianOf('+1 point')}. At 1 % errors it is ${medianOf('+1 point on 1 % errors')}.`;
}

function withInterval(successes: number): string {
  const bound = (of: typeof proportionLowerBound) => (of(successes, runs, 0.975) * 100).toFixed(1);
  return `${percent(successes / runs)} (${bound(proportionLowerBound)} to ${bound(proportionUpperBound)})`;
}

function errorsOf({ traffic }: Scenario): string {
  return percent(traffic.errorRatio);
}

function percent(ratio: number, digits = 1): string {
  return `${(ratio * 100).toFixed(digits)} %`;
}
