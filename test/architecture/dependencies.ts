/** The approved dependencies, checked by `architecture.test.ts`. */

/** Every dependency with its purpose; the page in docs/decisions/ gives the reason for the choice. */
export const DEPENDENCIES: Readonly<Record<string, string>> = {
  '@cdktf/provider-docker': 'the Docker provider as constructs',
  '@peculiar/x509': 'certificates of an environment',
  cdktf: 'environments on Docker as Terraform stacks',
  constructs: 'the base of cdktf',
  commander: 'the kit command line',
  'd3-scale': 'axes of the HTML report',
  'd3-shape': 'lines of the HTML report',
  ioredis: 'the Redis client that ours uses, and the stock client in comparisons',
  'reflect-metadata': 'required by @peculiar/x509 at its import',
  yaml: 'environments and gates',
  zod: 'schemas of configuration',
  zx: 'outside programs',
  '@biomejs/biome': 'lint and format',
  '@opentelemetry/api': 'the tracing API that users pass to the client',
  '@opentelemetry/sdk-metrics': 'reads what the client reports, in tests',
  '@opentelemetry/sdk-trace-base': 'reads what the client reports, in tests',
  '@types/d3-scale': 'types',
  '@types/d3-shape': 'types',
  '@types/k6': 'types of the k6 scenarios',
  '@types/node': 'types',
  '@vitest/coverage-v8': 'coverage',
  'cdktf-cli': 'deploy and destroy',
  '@valkey/valkey-glide': "a stock client that drills compare with the kit's client",
  redis: "node-redis 6, a stock client that drills compare with the kit's client",
  'redis-5': "node-redis 5, a stock client that drills compare with the kit's client",
  testcontainers: 'a Redis in a container for the client tests',
  croner: 'cron expressions of cache warming',
  '@arethetypeswrong/cli': 'the packed client: its types resolve for every importer',
  'fast-check': 'properties of statistics and parsers',
  node: 'the Node that runs the kit, regardless of that of the system',
  publint: 'the packed client: its manifest lists its contents',
  'prom-client': 'the registry that the client reports to, in tests',
  typescript: 'type check, and the build of the client',
  vitest: 'tests',
};

/** Dependencies of the workspace that writes docs/client/api/. */
export const REFERENCE_DEPENDENCIES: Readonly<Record<string, string>> = {
  typedoc: 'reads the public types and their comments',
  'typedoc-plugin-markdown': 'writes them as Markdown',
  typescript: 'the version that typedoc parses with',
};
